import { benchWire } from './wire.ts';

const rows = await benchWire();
const width = Math.max(...rows.map(({ name }) => name.length));
console.log(`${'work'.padEnd(width)}  ${'median ms'.padStart(10)}  ${'ratio'.padStart(7)}`);
for (const { name, medianMs, ratio } of rows) {
  console.log(`${name.padEnd(width)}  ${medianMs.toFixed(4).padStart(10)}  ${ratio.padStart(7)}`);
}
