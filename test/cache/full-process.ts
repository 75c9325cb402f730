import { DiskStore } from '../../src/cache/disk-store.ts';
import type { DiskTrouble } from '../../src/cache/disk-store.ts';
import { blobBytes, entryOf, read, START } from './entries.ts';

/*
 * A process that may write no file beyond a certain size (ulimit -f), which is how a disk without room looks to it. Says
 * in JSON what it could keep.
 */

export interface Said {
  readonly small: boolean;
  readonly large: readonly boolean[];
  readonly smallIsThere: boolean;
  readonly keptInTheEnd: boolean;
  readonly troubles: readonly DiskTrouble[];
}

const troubles: DiskTrouble[] = [];
const store = new DiskStore({
  directory: process.argv[2]!,
  maxBytes: 1e9,
  scopeBytes: 1e9,
  now: () => START,
  onEvict: () => undefined,
  onTrouble: (trouble) => void troubles.push(trouble),
  onOperation: () => undefined,
  findMs: 20_000,
  keepMs: 20_000,
  pausesMs: { first: 1, longest: 1 },
});
const put = (name: string, length: number): Promise<boolean> =>
  store.set(name, { value: entryOf({ blobs: [blobBytes(length, length)] }) });

const small = await put('small', 1000);
const large: boolean[] = [];
for (let round = 0; round < 20; round += 1) large.push(await put(`large ${round}`, 8_000_000));
const smallIsThere = (await read(store, 'small')) !== null;
let keptInTheEnd = false;
while (!keptInTheEnd) keptInTheEnd = await put('at last', 2000);
process.stdout.write(JSON.stringify({ small, large, smallIsThere, keptInTheEnd, troubles } satisfies Said));
await store.close();
