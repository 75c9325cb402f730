import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DiskStore } from '../../src/cache/disk-store.ts';
import type { DiskStoreOptions, DiskTrouble } from '../../src/cache/disk-store.ts';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import type { EntryStore, EvictionReason, NewEntry } from '../../src/cache/store.ts';
import { LongString } from '../../src/wire/long-string.ts';

export const START = 1_700_000_000_000;

/** Bytes that are told from others by their number, and quickly made. */
export function blobBytes(number: number, length: number): Buffer {
  const block = Buffer.from(hash('sha512', `blob ${number}`), 'hex');
  return Buffer.alloc(length, block);
}

export interface EntryFields {
  readonly scope?: string;
  readonly model?: string;
  readonly head?: string;
  readonly blobs?: readonly Buffer[];
  readonly createdAt?: number;
  readonly ttlMs?: number;
}

export function entryOf(fields: EntryFields = {}): NewEntry {
  const { scope = 'acme', model = 'flash', head = '{}', createdAt = START, ttlMs = 3_600_000 } = fields;
  const blobs = (fields.blobs ?? [blobBytes(1, 1000)]).map((bytes) => ({ digest: hash('sha256', bytes), bytes }));
  return {
    scope,
    model,
    head,
    createdAt,
    expiresAt: createdAt + ttlMs,
    blobs: blobs.map(({ digest, bytes }) => ({ digest, byteLength: bytes.length })),
    bytes: new Map(
      blobs.map(({ digest, bytes }) => [
        digest,
        {
          base64: LongString.fromBase64([Buffer.from(bytes.toString('base64'))]),
          decoded: () => Promise.resolve([bytes]),
        },
      ]),
    ),
  };
}

/** An entry as it is read back: its head and its bytes; null when it is not there, whole. */
export async function read(store: EntryStore, name: string): Promise<{ head: string; blobs: Buffer[] } | null> {
  const card = (await store.get(name))?.value;
  if (card === undefined) return null;
  const blobs = await Promise.all(card.blobs.map((ref) => store.blob(ref)));
  const found = blobs.filter((blob) => blob !== null);
  if (found.length < blobs.length) return null;
  return { head: card.head, blobs: found.map((blob) => Buffer.from(blob.text(), 'base64')) };
}

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

export type StoreOptions = Partial<DiskStoreOptions>;

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
export function diskStore(options: StoreOptions = {}): DiskUnderTest {
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
