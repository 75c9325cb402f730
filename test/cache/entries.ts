import { hash } from 'node:crypto';
import type { EntryStore, NewEntry } from '../../src/cache/store.ts';
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
  readonly pinned?: boolean;
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
    ...(fields.pinned === true && { pinned: true }),
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
