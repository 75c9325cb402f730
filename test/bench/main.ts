import { benchLedger } from './ledger.ts';
import { benchWire } from './wire.ts';

/** `npm run bench -- ledger` runs one of them, without a name all. */
const BENCHES = { wire: benchWire, ledger: benchLedger };

const asked = process.argv.slice(2);
for (const [name, bench] of Object.entries(BENCHES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const rows = await bench();
  const width = Math.max(...rows.map((row) => row.name.length));
  console.log(`${'work'.padEnd(width)}  ${'median ms'.padStart(10)}  ${'ratio'.padStart(7)}`);
  for (const { name: work, medianMs, ratio } of rows)
    console.log(`${work.padEnd(width)}  ${medianMs.toFixed(4).padStart(10)}  ${ratio.padStart(7)}`);
}
