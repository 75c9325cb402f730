import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { benchHits } from './hits.ts';
import { benchLedger } from './ledger.ts';
import { benchMemory } from './memory.ts';
import { benchWire } from './wire.ts';

/** `npm run bench -- ledger` runs one of them, without a name all. */
const BENCHES = {
  wire: () => timed(benchWire),
  hits: () => timed(benchHits),
  ledger: () => timed(benchLedger),
  memory: resident,
};

// `--root DIR` measures the memory of another checkout, to compare with.
const { values, positionals } = parseArgs({ options: { root: { type: 'string' } }, allowPositionals: true });
const strange = positionals.find((name) => !Object.hasOwn(BENCHES, name));
if (strange !== undefined) throw new Error(`There is no bench ${strange}: ${Object.keys(BENCHES).join(', ')}.`);
for (const [name, bench] of Object.entries(BENCHES))
  if (positionals.length === 0 || positionals.includes(name)) await bench();
console.log(`load of the machine, last minute: ${loadavg()[0]!.toFixed(1)} (what others do shows in all figures)`);

interface Timed {
  readonly name: string;
  readonly medianMs: number;
  readonly ratio: string;
}

async function timed(bench: () => Promise<readonly Timed[]>): Promise<void> {
  const rows = await bench();
  const cells = rows.map(({ name, medianMs, ratio }) => [name, medianMs.toFixed(4), ratio]);
  print([['work', 'median ms', 'ratio'], ...cells]);
}

async function resident(): Promise<void> {
  const rows = await benchMemory(values.root);
  const head = [
    'gateway, over its first small picture',
    'resident MB',
    'then idle',
    'longest ms',
    'over 20 ms',
    'CPU ms each',
  ];
  const cells = rows.map(({ name, residentMb, idleMb, longestMs, over20Ms, cpuMs }) => [
    name,
    residentMb.toFixed(0),
    idleMb.toFixed(0),
    longestMs.toFixed(1),
    String(over20Ms),
    cpuMs.toFixed(1),
  ]);
  print([head, ...cells]);
}

/** Columns in line: the first to the left, numbers to the right. */
function print(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    console.log(
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
    );
  console.log();
}
