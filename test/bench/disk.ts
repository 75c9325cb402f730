import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Books } from '../../src/cache/disk-books.ts';
import { DiskStore } from '../../src/cache/disk-store.ts';
import { makeTree, placesIn } from '../../src/cache/disk-tree.ts';
import { blobBytes, entryOf, START } from '../cache/entries.ts';

/*
 * How a disk store with 100,000 entries starts and answers, beside one with 100: `node test/bench/disk.ts [entries]`.
 * The many have heads of 3 KB and two blobs each in the catalogue, whose files are not made: what is looked up has its own.
 */

const MANY = Number(process.argv[2] ?? 100_000);
const PROBES = 500;
const HEAD = JSON.stringify('h'.repeat(3_000));

const digestOf = (number: number): string => hash('sha256', String(number));

function fill(directory: string, entries: number): void {
  makeTree(directory);
  const books = new Books(placesIn(directory).catalogue);
  for (let from = 0; from < entries; from += 5_000)
    books.change(() => {
      for (let number = from; number < Math.min(entries, from + 5_000); number += 1) {
        const blobs = [0, 1].map((each) => ({ digest: digestOf(number * 2 + each), byteLength: 50_000 }));
        const card = { scope: `tenant-${number % 50}`, model: 'flash', head: HEAD, blobs };
        books.insert(`entry ${number}`, { ...card, createdAt: START, expiresAt: START + 1e12 });
      }
    });
  books.close();
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
const p99 = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]!;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** How long the work takes, and each question that is asked meanwhile. */
async function during(work: Promise<unknown>, ask: () => Promise<unknown>): Promise<{ ms: number; asked: number[] }> {
  const state = { isDone: false };
  const whole = timed(() => work.finally(() => (state.isDone = true)));
  const asked: number[] = [];
  do asked.push(await timed(ask));
  while (!state.isDone);
  return { ms: await whole, asked };
}

async function measure(entries: number): Promise<Record<string, number>> {
  const directory = join(mkdtempSync(join(tmpdir(), 'plantain-bench-')), 'cache');
  fill(directory, entries);
  const store = new DiskStore({
    directory,
    maxBytes: 1e12,
    scopeBytes: 5e11,
    now: () => START,
    onEvict: () => undefined,
    onTrouble: (trouble, cause) => console.error(trouble, cause),
    onOperation: () => undefined,
    findMs: 60_000,
    keepMs: 60_000,
  });
  const firstAnswer = await timed(() => store.get('entry 0'));
  const puts: number[] = [];
  for (let number = 0; number < 100; number += 1)
    puts.push(
      await timed(() =>
        store.set(`mine ${number}`, { value: entryOf({ head: HEAD, blobs: [blobBytes(number, 100_000)] }) }),
      ),
    );
  const [finds, misses, reads]: [number[], number[], number[]] = [[], [], []];
  for (let probe = 0; probe < PROBES; probe += 1) {
    const name = `entry ${Math.floor((probe / PROBES) * entries)}`;
    finds.push(await timed(() => store.get(name)));
    misses.push(await timed(() => store.get(`no ${name}`)));
    const { value: card } = (await store.get(`mine ${probe % 100}`))!;
    reads.push(await timed(() => store.blob(card.blobs[0]!)));
  }
  const stats = await timed(() => store.stats());
  const sweep = await during(store.sweep(), () => store.get('entry 5'));
  const purge = await during(store.purge({ scope: 'tenant-7' }), () => store.get('entry 5'));
  await store.close();
  rmSync(join(directory, '..'), { recursive: true });
  return {
    'start to first answer': firstAnswer,
    'find, median': median(finds),
    'find, p99': p99(finds),
    'find nothing, median': median(misses),
    'read 100 KB, median': median(reads),
    'put 100 KB, median': median(puts),
    'stats of all': stats,
    'sweep of all': sweep.ms,
    'find during the sweep, p99': p99(sweep.asked),
    'purge of one scope in 50': purge.ms,
    'find during the purge, p99': p99(purge.asked),
  };
}

const few = await measure(100);
const many = await measure(MANY);
console.log(`${'ms'.padEnd(30)}${'100 entries'.padStart(14)}${`${MANY} entries`.padStart(18)}`);
for (const [name, value] of Object.entries(many))
  console.log(`${name.padEnd(30)}${few[name]!.toFixed(2).padStart(14)}${value.toFixed(2).padStart(18)}`);
