import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where things lie in the directory of a disk store. */
export function placesIn(directory: string) {
  return {
    catalogue: join(directory, 'catalogue.db'),
    /** For files that are being written. */
    drafts: join(directory, 'tmp'),
    blobs: join(directory, 'blobs'),
    /** A folder for each two first digits: no folder gets too long. */
    blob: (digest: string): string => join(directory, 'blobs', digest.slice(0, 2), digest),
  };
}

export type Places = ReturnType<typeof placesIn>;

/** The 256 folders of blobs, as they are called. */
export const FOLDERS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const PRIVATE = 0o700;

/** Makes what is missing. Nothing above the directory: a volume that is not mounted must not be filled in its place. */
export function makeTree(directory: string): void {
  const { drafts, blobs } = placesIn(directory);
  for (const each of [directory, drafts, blobs]) if (!isThere(each)) mkdirSync(each, { mode: PRIVATE });
}

/** Whatever lies there was being written by a run that is dead. */
export function emptyDrafts({ drafts }: Places): void {
  for (const name of readdirSync(drafts)) rmSync(join(drafts, name), { recursive: true, force: true });
}

/** The draft becomes the blob, in the place of one of that name. */
export function putInPlace(draft: string, blob: string): void {
  try {
    renameSync(draft, blob);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    mkdirSync(join(blob, '..'), { mode: PRIVATE });
    renameSync(draft, blob);
  }
}

/** What can be told of one file from another of its name; null where there is none. */
export function identityOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}:${found.ino}`;
}

export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null;
}
