import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DiskStore } from '../../src/cache/disk-store.ts';
import type { DiskStoreOptions, DiskTrouble } from '../../src/cache/disk-store.ts';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import type { EntryStore, EvictionReason } from '../../src/cache/store.ts';
import { entryOf, START } from './entries.ts';
import type { EntryFields } from './entries.ts';

export function put(store: EntryStore, name: string, fields: EntryFields = {}): Promise<boolean> {
  return store.set(name, { value: entryOf(fields) });
}

export async function has(store: EntryStore, name: string): Promise<boolean> {
  return (await store.get(name)) !== undefined;
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-cache-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface StoreUnderTest<S extends EntryStore = EntryStore> {
  readonly store: S;
  readonly clock: { now: number };
  readonly evicted: EvictionReason[];
}

/** What every kind of store is made with. */
export type StoreOptions = Partial<Pick<DiskStoreOptions, 'maxBytes' | 'scopeBytes'>>;

export function memoryStore({ maxBytes = 10_000_000, scopeBytes = maxBytes }: StoreOptions = {}): StoreUnderTest {
  const clock = { now: START };
  const evicted: EvictionReason[] = [];
  const onEvict = (reason: EvictionReason): void => void evicted.push(reason);
  return { store: new MemoryStore({ maxBytes, scopeBytes, now: () => clock.now, onEvict }), clock, evicted };
}

export interface DiskUnderTest extends StoreUnderTest<DiskStore> {
  readonly directory: string;
  readonly troubles: DiskTrouble[];
}

/** Closed when the test is done, if not before. */
export function diskStore(options: Partial<DiskStoreOptions> = {}): DiskUnderTest {
  const { maxBytes = 10_000_000, scopeBytes = maxBytes, directory = join(temporaryDirectory(), 'cache') } = options;
  const clock = { now: START };
  const evicted: EvictionReason[] = [];
  const troubles: DiskTrouble[] = [];
  const store = new DiskStore({
    now: () => clock.now,
    onEvict: (reason) => void evicted.push(reason),
    onTrouble: (trouble) => void troubles.push(trouble),
    onOperation: () => undefined,
    // Time enough on a busy machine: what a deadline does has tests of its own.
    findMs: 20_000,
    keepMs: 20_000,
    ...options,
    directory,
    maxBytes,
    scopeBytes,
  });
  onTestFinished(() => store.close());
  return { store, clock, evicted, directory, troubles };
}
