import { execFileSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { placesIn } from '../../src/cache/disk-tree.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { StoreDown } from '../../src/cache/store.ts';
import type { NewEntry } from '../../src/cache/store.ts';
import { blobBytes, entryOf, read, START } from './entries.ts';
import { diskStore, has, memoryStore, put, temporaryDirectory } from './stores.ts';
import type { DiskUnderTest } from './stores.ts';

const pathOf = ({ directory }: DiskUnderTest, bytes: Buffer): string =>
  placesIn(directory).blob(entryOf({ blobs: [bytes] }).blobs[0]!.digest);

function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((each) => !each.isDirectory())
    .map((each) => join(each.parentPath, each.name));
}

const blobFiles = ({ directory }: DiskUnderTest): string[] => filesIn(join(directory, 'blobs'));
const drafts = ({ directory }: DiskUnderTest): string[] => readdirSync(join(directory, 'tmp'));

/** Another store in the same directory, after the first is closed. */
async function reopened(before: DiskUnderTest, options: Parameters<typeof diskStore>[0] = {}): Promise<DiskUnderTest> {
  await before.store.close();
  return diskStore({ ...options, directory: before.directory });
}

const PATIENT = { timeout: 30_000 };

/** A store that tries again soon, so that a test need not wait. */
const IMPATIENT = { pausesMs: { first: 1, longest: 10 } };

describe('what waits for the disk', () => {
  test('is found before it is there: memory may have made room for another meanwhile', async () => {
    const { store } = diskStore();
    const earlier = put(store, 'fox', { head: '1', blobs: [blobBytes(1, 5000)] });
    const later = put(store, 'fox', { head: '2', blobs: [blobBytes(2, 5000), blobBytes(3, 10)] });
    const found = { head: '2', blobs: [blobBytes(2, 5000), blobBytes(3, 10)] };
    expect(await read(store, 'fox')).toEqual(found);
    expect(await Promise.all([earlier, later])).toEqual([true, true]);
    expect(await read(store, 'fox')).toEqual(found);
  });

  test('is gone as soon as it is deleted or purged, and never comes back', async () => {
    const under = diskStore();
    const writes = [0, 1, 2, 3].map((number) => put(under.store, `${number}`, { blobs: [blobBytes(number, 50_000)] }));
    const removed = [under.store.delete('2'), under.store.purge({ name: '3' })];
    expect([await has(under.store, '2'), await has(under.store, '3')]).toEqual([false, false]);
    await Promise.all([...writes, ...removed]);
    const names = ['0', '1', '2', '3'];
    expect(await Promise.all(names.map((name) => has(under.store, name)))).toEqual([true, true, false, false]);
    expect(blobFiles(under)).toHaveLength(2);
  });

  /** An entry whose bytes take so long to come, as to a disk that is slow. */
  function slowEntry(number: number, ready: () => Promise<unknown>): NewEntry {
    const entry = entryOf({ blobs: [blobBytes(number, 100)] });
    const [[digest, blob] = []] = [...entry.bytes];
    const decoded = () => ready().then(() => blob!.decoded());
    return { ...entry, bytes: new Map([[digest!, { base64: blob!.base64, decoded }]]) };
  }

  test('is not waited for over its deadline, but a disk that is slow and goes on is none that has failed', async () => {
    const disk = diskStore({ keepMs: 1500 });
    const names = Array.from({ length: 24 }, (_, number) => `${number}`);
    const writes = names.map((name, number) =>
      disk.store.set(name, { value: slowEntry(number, () => setTimeout(100)) }),
    );
    expect(await Promise.all(writes)).toContain(false);
    await expect.poll(() => disk.store.backlogBytes, PATIENT).toBe(0);
    expect(await Promise.all(names.map((name) => has(disk.store, name)))).not.toContain(false);
    expect(disk.troubles).toEqual([]);
  });

  test('for a disk that has stopped is told of once', async () => {
    const disk = diskStore({ keepMs: 50 });
    const stopped = Promise.withResolvers<void>();
    const writes = [0, 1, 2, 3].map((number) =>
      disk.store.set(`${number}`, { value: slowEntry(number, () => stopped.promise) }),
    );
    expect(await Promise.all(writes)).toEqual([false, false, false, false]);
    expect(disk.troubles).toEqual(['writes_failed']);
    expect(await disk.store.set('4', { value: entryOf() })).toBe(false);
    stopped.resolve();
    await expect.poll(() => disk.store.backlogBytes, PATIENT).toBe(0);
  });

  test('is told as what it costs the disk, however small it is', async () => {
    const { store } = diskStore();
    const writes = [0, 1, 2].map((number) => put(store, `${number}`, { blobs: [blobBytes(number, 10)] }));
    expect(store.backlogBytes).toBeGreaterThanOrEqual(3 << 20);
    await Promise.all(writes);
    expect(store.backlogBytes).toBe(0);
  });
});

describe('a store on disk, closed and opened again', () => {
  test('has what it had, in the same order of use', async () => {
    const first = diskStore();
    for (const number of [0, 1, 2]) await put(first.store, `${number}`, { blobs: [blobBytes(number, 10_000)] });
    await has(first.store, '0');
    const second = await reopened(first, { maxBytes: 35_000 });
    expect((await read(second.store, '2'))?.blobs).toEqual([blobBytes(2, 10_000)]);
    await put(second.store, '3', { blobs: [blobBytes(3, 10_000)] });
    expect(await Promise.all(['0', '1', '2', '3'].map((name) => has(second.store, name)))).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect((await second.store.stats())[0]).toMatchObject({ entries: 3, hits: 5 });
  });

  test('comes down to a bound that was lowered', async () => {
    const first = diskStore();
    for (let number = 0; number < 30; number += 1)
      await put(first.store, `${number}`, { scope: `${number % 2}`, blobs: [blobBytes(number, 10_000)] });
    const second = await reopened(first, { maxBytes: 100_000, scopeBytes: 40_000 });
    await second.store.sweep();
    expect(second.store.byteLength).toBeLessThanOrEqual(80_000);
    expect((await second.store.stats()).map(({ entries }) => entries)).toEqual([3, 3]);
    expect(await has(second.store, '29')).toBe(true);
    expect(blobFiles(second)).toHaveLength(6);
  });

  test('knows the Idempotency-Keys of the day, and forgets those of a scope that is purged', async () => {
    const first = diskStore();
    const claim = { tenant: 'acme', pictures: 'p', endsAt: START + 1000 };
    first.store.keepClaim({ ...claim, name: 'a' });
    first.store.keepClaim({ ...claim, name: 'b', endsAt: START + 2000 });
    first.store.keepClaim({ ...claim, name: 'c', tenant: 'zeta', endsAt: START + 1500 });
    const second = await reopened(first);
    expect((await second.store.claims()).map(({ name }) => name)).toEqual(['a', 'c', 'b']);
    second.clock.now += 1000;
    expect((await second.store.claims()).map(({ name }) => name)).toEqual(['c', 'b']);
    await second.store.purge({ scope: 'acme', model: 'flash' });
    await second.store.purge({ scope: 'acme' });
    expect(await second.store.claims()).toEqual([{ ...claim, name: 'c', tenant: 'zeta', endsAt: START + 1500 }]);
  });

  test('sweeps what a run that died has left: drafts, blobs without an entry, what is no blob at all', async () => {
    const first = diskStore();
    await put(first.store, 'a', { blobs: [blobBytes(1, 5000)] });
    await first.store.close();
    const orphan = pathOf(first, blobBytes(2, 5000));
    rmSync(join(orphan, '..'), { recursive: true, force: true });
    execFileSync('mkdir', ['-p', join(orphan, '..')]);
    writeFileSync(orphan, blobBytes(2, 5000));
    writeFileSync(join(pathOf(first, blobBytes(1, 5000)), '../stranger'), 'x');
    writeFileSync(join(first.directory, 'tmp', 'half a picture'), 'x');
    const second = diskStore({ directory: first.directory });
    await second.store.sweep();
    expect(blobFiles(second)).toEqual([pathOf(second, blobBytes(1, 5000))]);
    expect(drafts(second)).toEqual([]);
    expect(await read(second.store, 'a')).not.toBeNull();
  });
});

describe('the files of a store on disk', () => {
  test('are its owner’s alone, hold the bytes as they are, once, and go with their last entry', async () => {
    const disk = diskStore();
    await put(disk.store, 'a', { blobs: [blobBytes(1, 5000), blobBytes(2, 6000)] });
    await put(disk.store, 'b', { scope: 'zeta', blobs: [blobBytes(1, 5000)] });
    expect(blobFiles(disk).toSorted()).toEqual(
      [pathOf(disk, blobBytes(1, 5000)), pathOf(disk, blobBytes(2, 6000))].toSorted(),
    );
    expect(readFileSync(pathOf(disk, blobBytes(1, 5000)))).toEqual(blobBytes(1, 5000));
    expect(drafts(disk)).toEqual([]);
    for (const file of filesIn(disk.directory)) expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const folder of [disk.directory, join(disk.directory, 'blobs'), join(disk.directory, 'tmp')])
      expect(statSync(folder).mode & 0o777).toBe(0o700);
    await disk.store.delete('a');
    expect(blobFiles(disk)).toEqual([pathOf(disk, blobBytes(1, 5000))]);
    await disk.store.delete('b');
    expect(blobFiles(disk)).toEqual([]);
  });

  test('hold nothing of a scope any more that was purged: neither blobs nor heads', async () => {
    const disk = diskStore();
    for (let number = 0; number < 250; number += 1)
      await put(disk.store, `${number}`, { scope: 'acme', head: `"a secret of herons ${number}"`, blobs: [] });
    await put(disk.store, 'other', { scope: 'zeta', head: '"mine"', blobs: [blobBytes(2, 100)] });
    expect(await disk.store.purge({ scope: 'acme' })).toMatchObject({ entries: 250 });
    for (const file of filesIn(disk.directory)) expect(readFileSync(file).includes('herons'), file).toBe(false);
    expect(await has(disk.store, 'other')).toBe(true);
  });

  test('of an entry that is purged while it is written, or waits to be, are not kept', async () => {
    const disk = diskStore();
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const bytes = blobBytes(1, 5000);
    const entry = entryOf({ blobs: [bytes] });
    const [digest] = entry.bytes.keys();
    const decoded = async (): Promise<Buffer[]> => {
      begun.resolve();
      await gate.promise;
      return [bytes];
    };
    const slow = new Map([[digest!, { ...entry.bytes.get(digest!)!, decoded }]]);
    const kept = disk.store.set('a', { value: { ...entry, bytes: slow } });
    const waiting = put(disk.store, 'b', { blobs: [blobBytes(2, 5000)] });
    await begun.promise;
    await disk.store.purge({ scope: 'acme' });
    gate.resolve();
    expect([await kept, await waiting]).toEqual([false, false]);
    expect(await has(disk.store, 'a')).toBe(false);
    expect([...blobFiles(disk), ...drafts(disk)]).toEqual([]);
  });
});

describe('a blob that is not what it was is never given', () => {
  const one = blobBytes(1, 70_000);
  const two = blobBytes(2, 70_000);

  test.each<[string, (disk: DiskUnderTest) => void]>([
    ['cut short', (disk) => truncateSync(pathOf(disk, one), 69_999)],
    ['emptied', (disk) => truncateSync(pathOf(disk, one), 0)],
    ['longer', (disk) => writeFileSync(pathOf(disk, one), Buffer.concat([one, one]))],
    ['changed in one bit', (disk) => writeFileSync(pathOf(disk, one), one.with(69_999, one[69_999]! ^ 1))],
    ['garbage of the same length', (disk) => writeFileSync(pathOf(disk, one), Buffer.alloc(70_000, 7))],
    ['removed', (disk) => rmSync(pathOf(disk, one))],
    ['a directory', (disk) => (rmSync(pathOf(disk, one)), execFileSync('mkdir', [pathOf(disk, one)]))],
    [
      'swapped with another',
      (disk) => {
        renameSync(pathOf(disk, one), join(disk.directory, 'aside'));
        renameSync(pathOf(disk, two), pathOf(disk, one));
        renameSync(join(disk.directory, 'aside'), pathOf(disk, two));
      },
    ],
  ])('%s', async (_how, spoil) => {
    const disk = diskStore(IMPATIENT);
    const shelf = new Shelf({ tiers: [disk.store], now: () => START, onTrouble: () => undefined });
    await shelf.put('a', entryOf({ blobs: [one] }));
    await shelf.put('b', entryOf({ blobs: [two] }));
    spoil(disk);
    for (const [name, bytes] of [
      ['a', one],
      ['b', two],
    ] as const) {
      const found = await shelf.get(name, { maxAgeSeconds: null });
      const [blob] = found?.blobs.values() ?? [];
      if (blob !== undefined) expect(Buffer.from(blob.text(), 'base64')).toEqual(bytes);
      else if (name === 'a') expect(found).toBeNull();
    }
    // Kept anew, it is whole again.
    await expect.poll(() => shelf.put('a', entryOf({ blobs: [one] })), PATIENT).toBe(true);
    await expect.poll(async () => (await read(disk.store, 'a').catch(() => null))?.blobs, PATIENT).toEqual([one]);
  });
});

describe('a directory that changes under a running store', () => {
  test('is made anew when it was removed, which is told once, and nothing wrong is given meanwhile', async () => {
    const disk = diskStore(IMPATIENT);
    for (const number of [1, 2, 3]) await put(disk.store, `${number}`, { blobs: [blobBytes(number, 5000)] });
    rmSync(disk.directory, { recursive: true });
    for (const number of [1, 2, 3]) expect(await read(disk.store, `${number}`)).toBeNull();
    await expect.poll(() => put(disk.store, 'new'), PATIENT).toBe(true);
    expect(await read(disk.store, 'new')).not.toBeNull();
    expect(await has(disk.store, '1')).toBe(false);
    expect(disk.store.byteLength).toBeLessThan(2000);
    expect(disk.troubles.filter((trouble) => trouble === 'made_anew')).toHaveLength(1);
  });

  test('is missed while something else is in its place, told of once, and used again when that is gone', async () => {
    const disk = diskStore({ pausesMs: { first: 1, longest: 1 } });
    await put(disk.store, 'a');
    rmSync(disk.directory, { recursive: true });
    writeFileSync(disk.directory, 'a file');
    for (let round = 0; round < 50; round += 1) {
      expect(await put(disk.store, 'b')).toBe(false);
      expect(await read(disk.store, 'a').catch(() => null)).toBeNull();
    }
    expect(disk.troubles.toSorted()).toEqual(['catalogue_failed', 'writes_failed']);
    expect(readFileSync(disk.directory, 'utf8')).toBe('a file');
    rmSync(disk.directory);
    await expect.poll(() => put(disk.store, 'c'), PATIENT).toBe(true);
    await expect.poll(() => read(disk.store, 'c'), PATIENT).not.toBeNull();
    expect(disk.troubles).toEqual(expect.arrayContaining(['writes_again', 'catalogue_again']));
  });

  test('is not made where what is above it is missing: a volume that is not mounted is not filled in its place', async () => {
    const above = join(temporaryDirectory(), 'volume');
    const disk = diskStore({ directory: join(above, 'cache'), ...IMPATIENT });
    expect(await put(disk.store, 'a')).toBe(false);
    expect(existsSync(above)).toBe(false);
  });
});

describe('a catalogue that cannot be read', () => {
  test.each<[string, (file: string) => void]>([
    ['garbage', (file) => writeFileSync(file, Buffer.alloc(100_000, 7))],
    ['cut short', (file) => truncateSync(file, 5000)],
    ['of a newer Plantain', (file) => new DatabaseSync(file).exec('PRAGMA user_version = 99')],
  ])('since it is %s begins empty, and says so', async (_how, spoil) => {
    const first = diskStore();
    for (let number = 0; number < 30; number += 1)
      await put(first.store, `${number}`, { head: `"${'h'.repeat(500)}"` });
    await first.store.close();
    spoil(placesIn(first.directory).catalogue);
    const second = diskStore({ directory: first.directory, ...IMPATIENT });
    await expect.poll(() => put(second.store, 'a'), PATIENT).toBe(true);
    await expect.poll(() => read(second.store, 'a'), PATIENT).not.toBeNull();
    expect(second.troubles).toContain('made_anew');
    await second.store.sweep();
    expect(blobFiles(second)).toHaveLength(1);
  });
});

describe('a disk that hangs', () => {
  /** A pipe that nobody writes to: to open it takes for ever. */
  async function hang(path: string): Promise<void> {
    rmSync(path);
    execFileSync('mkfifo', [path]);
    onTestFinished(async () => {
      // Lets go of who waits at it.
      await (await open(path, 'r+')).close();
    });
  }

  test('costs a miss within the deadline, a few times, and then none of that time until it is tried again', async () => {
    const disk = diskStore({ findMs: 100, pausesMs: { first: 60_000, longest: 60_000 } });
    const bytes = [1, 2, 3, 4, 5].map((number) => blobBytes(number, 1000));
    for (const [index, each] of bytes.entries())
      await expect.poll(() => put(disk.store, `${index}`, { blobs: [each] }), PATIENT).toBe(true);
    for (const each of bytes.slice(0, 3)) await hang(pathOf(disk, each));
    await expect(read(disk.store, '0')).rejects.toThrow(StoreDown);
    await expect(read(disk.store, '1')).rejects.toThrow(/longer than/);
    expect(disk.troubles).toEqual([]);
    await expect(read(disk.store, '2')).rejects.toThrow(/longer than/);
    await expect(read(disk.store, '3')).rejects.toThrow(/a moment ago/);
    expect(disk.troubles).toEqual(['blobs_failed']);
  });

  test('is not asked by who finds in memory what it has brought up before', async () => {
    const disk = diskStore({ findMs: 100, pausesMs: { first: 60_000, longest: 60_000 } });
    const memory = memoryStore();
    const shelf = new Shelf({ tiers: [memory.store, disk.store], now: () => START, onTrouble: () => undefined });
    await disk.store.set('a', { value: entryOf({ blobs: [blobBytes(1, 1000)] }) });
    await disk.store.set('b', { value: entryOf({ blobs: [blobBytes(2, 1000)] }) });
    const tierOf = async (name: string) => (await shelf.get(name, { maxAgeSeconds: null }))?.tier;
    await expect.poll(() => tierOf('a'), PATIENT).toBe('disk');
    await hang(pathOf(disk, blobBytes(1, 1000)));
    await hang(pathOf(disk, blobBytes(2, 1000)));
    expect(await tierOf('b')).toBeUndefined();
    expect(await tierOf('a')).toBe('memory');
    expect(await tierOf('b')).toBeUndefined();
  });
});
