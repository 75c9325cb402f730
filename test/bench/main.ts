import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { benchMemory } from './memory.ts';
import { benchWire } from './wire.ts';

// `--root DIR` measures the memory of another checkout, to compare with.
const { root } = parseArgs({ options: { root: { type: 'string' } } }).values;

const work = await benchWire();
const width = Math.max(...work.map(({ name }) => name.length));
console.log(`${'work'.padEnd(width)}  ${'median ms'.padStart(10)}  ${'ratio'.padStart(7)}`);
for (const { name, medianMs, ratio } of work) {
  console.log(`${name.padEnd(width)}  ${medianMs.toFixed(4).padStart(10)}  ${ratio.padStart(7)}`);
}

const columns = ['resident MB', 'then idle', 'longest ms', 'over 20 ms', 'CPU ms each'];
console.log(`\n${'gateway, over its first small picture'.padEnd(width)}  ${columns.join('  ')}`);
for (const { name, residentMb, idleMb, longestMs, over20Ms, cpuMs } of await benchMemory(root)) {
  const cells = [residentMb.toFixed(0), idleMb.toFixed(0), longestMs.toFixed(1), String(over20Ms), cpuMs.toFixed(1)];
  const row = cells.map((cell, column) => cell.padStart(columns[column]!.length)).join('  ');
  console.log(`${name.padEnd(width)}  ${row}`);
}
console.log(
  `\nload of the machine, last minute: ${loadavg()[0]!.toFixed(1)} (what others do to its caches shows in all figures)`,
);
