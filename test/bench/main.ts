import { writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { isPinned, keepOffServersCore } from './cores.ts';
import { benchFleet } from './fleet/bench.ts';
import { tellOfFleet } from './fleet/tables.ts';
import { benchLedger } from './ledger.ts';
import { benchMemory } from './memory.ts';
import { plotOf } from './scale/plot.ts';
import { benchScale } from './scale/scale.ts';
import { latencyTable, laneTable, memoryTable, print, scaleTable, timedTable } from './tables.ts';
import { benchVersus } from './versus.ts';
import { benchWire } from './wire.ts';

const USAGE = `The gateway beside its rivals and beside itself, as ratios of one run.

  npm run bench -- [NAME ...] [--quick] [--json FILE] [--root DIR] [--plot FILE]

  versus   misses, hits, renditions and latency beside nginx, haproxy, Portkey and LiteLLM, those that are here
  wire     lift and splice beside JSON.parse and JSON.stringify
  ledger   money with a million rows
  memory   resident memory and the event loop over large replies
  scale    one process with much in the air, many tenants, and much kept; --plot FILE draws it
  fleet    several gateways with one Redis: speed, whether their limits hold, and how far one Redis carries

Without a name all but wire and ledger are run, which takes some ten minutes.

  --quick  versus alone, with nginx as the only rival, in less than a minute; scale without the largest of each; fleet of two
           processes instead of four
  --json   where all figures are written to, too
  --root   memory: of another checkout

nginx and haproxy are Debian's; Portkey and LiteLLM are installed once, into PLANTAIN_BENCH_RIVALS (a directory for
temporary files where that is not set), and are told to be missing where they cannot be had. Their configurations are
test/bench/rivals.
`;

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    root: { type: 'string' },
    plot: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
  allowPositionals: true,
});

const MACHINE = {
  cpu: cpus()[0]?.model ?? arch(),
  cores: availableParallelism(),
  node: process.version,
  pinned: isPinned,
};

const BENCHES = {
  async versus() {
    keepOffServersCore();
    const found = await benchVersus(values.quick, (lanes) => print(laneTable(lanes)));
    print(latencyTable(found.latency));
    for (const missing of found.missing) console.log(`not compared with ${missing}`);
    return found;
  },
  async wire() {
    const rows = await benchWire();
    print(timedTable(rows));
    return rows;
  },
  async ledger() {
    const rows = await benchLedger();
    print(timedTable(rows));
    return rows;
  },
  async memory() {
    const rows = await benchMemory(values.root);
    print(memoryTable(rows));
    return rows;
  },
  async scale() {
    keepOffServersCore();
    const rows = await benchScale(values.quick, (found) => print(scaleTable(found)));
    const where = `One process, ${MACHINE.cores} cores of ${MACHINE.cpu}, Node ${MACHINE.node}, load ${loadavg()[0]!.toFixed(1)}`;
    if (values.plot !== undefined) writeFileSync(values.plot, plotOf(rows, where));
    return rows;
  },
  async fleet() {
    const found = await benchFleet(values.quick);
    tellOfFleet(found, print);
    if (found.limits.some(({ isPassed }) => isPassed)) process.exitCode = 1;
    return found;
  },
} as const;

const USUAL: readonly string[] = ['versus', 'memory', 'scale', 'fleet'];

if (values.help) process.stdout.write(USAGE);
else await run();

async function run(): Promise<void> {
  const strange = positionals.find((name) => !Object.hasOwn(BENCHES, name));
  if (strange !== undefined) throw new Error(`There is no bench ${strange}: ${Object.keys(BENCHES).join(', ')}.`);
  const wanted = positionals.length > 0 ? positionals : values.quick ? ['versus'] : USUAL;
  const found: Record<string, unknown> = {};
  for (const [name, bench] of Object.entries(BENCHES)) if (wanted.includes(name)) found[name] = await bench();
  const load = loadavg()[0]!;
  console.log(
    `${MACHINE.cores} cores of ${MACHINE.cpu}, Node ${MACHINE.node}, ${isPinned ? 'servers on one core, callers and vendor on the rest (fleet: anywhere)' : 'nothing is pinned to a core'}; load in the last minute ${load.toFixed(1)} (what others do shows in all figures)`,
  );
  if (values.json !== undefined)
    writeFileSync(
      values.json,
      `${JSON.stringify({ at: new Date().toISOString(), machine: MACHINE, load, ...found }, null, 2)}\n`,
    );
}
