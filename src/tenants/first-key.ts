import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { keyDigest } from './authenticate.ts';
import type { KeyEntry, Tenant } from './authenticate.ts';

/** The key of a gateway that has no tenants configured, and what its start should say of it. */
export interface FirstKey {
  readonly entry: KeyEntry;
  readonly told: FirstKeyTold;
}

export type FirstKeyTold =
  /** To be printed, on a terminal only and never to a log. `again`: whether the next start can print it again. */
  | { readonly where: 'here'; readonly key: string; readonly again: boolean }
  /** It stands in a file that only this user can read. */
  | { readonly where: 'file'; readonly file: string }
  /** It was shown once, on a terminal. Removing `forget` and starting again makes a new one. */
  | { readonly where: 'shown before'; readonly forget: string };

const SIMULATOR_KEY = 'sk-plantain-dev';
/** One dollar. */
const DAILY_LIMIT_NANOS = 1_000_000_000;

/**
 * With the simulator, which costs nothing: a fixed key. With a paying upstream: a random one with a cap of $1 a day,
 * made at the first start and kept over restarts as its digest alone, in `dataDir`/first-key.sha256. A terminal is shown
 * it once; without one it is written to `dataDir`/first-key. Both files are for this user only (0600).
 *
 * To be called by the process that has the directory to itself: see `openEmbeddedState`.
 * Throws Error when the directory cannot be written or the digest in it is none.
 */
export async function firstKey(options: {
  readonly dataDir: string;
  readonly isTerminal: boolean;
  /** Whether the simulator draws, and only for callers on this machine. */
  readonly simulator: boolean;
}): Promise<FirstKey> {
  if (options.simulator)
    return {
      entry: { sha256: keyDigest(SIMULATOR_KEY), id: 'dev', tenant: tenant('dev', []) },
      told: { where: 'here', key: SIMULATOR_KEY, again: true },
    };

  const directory = resolve(options.dataDir);
  const digestFile = join(directory, 'first-key.sha256');
  const keyFile = join(directory, 'first-key');
  const kept = await readIfThere(digestFile);
  if (kept !== null) {
    if (!/^[0-9a-f]{64}$/.test(kept))
      throw new Error(`${digestFile} holds no SHA-256 digest. Remove it and start again for a new first key.`);
    const key = await readIfThere(keyFile);
    const readable = key !== null && createHash('sha256').update(key).digest('hex') === kept;
    return {
      entry: entryOf(kept),
      told: readable ? { where: 'file', file: keyFile } : { where: 'shown before', forget: digestFile },
    };
  }

  const key = `sk-plantain-${randomBytes(32).toString('base64url')}`;
  const digest = keyDigest(key);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // The digest comes last: cut short before it, the next start makes another key; after it, the key is where it says.
  if (options.isTerminal) await rm(keyFile, { force: true });
  else await writePrivately(keyFile, key);
  await writePrivately(digestFile, digest);
  return {
    entry: entryOf(digest),
    told: options.isTerminal ? { where: 'here', key, again: false } : { where: 'file', file: keyFile },
  };
}

function entryOf(sha256: string): KeyEntry {
  const budget = { limitNanos: DAILY_LIMIT_NANOS, per: 'day', timeZone: 'UTC', models: null } as const;
  return { sha256, id: `first-${sha256.slice(0, 8)}`, tenant: tenant('first', [budget]) };
}

function tenant(id: string, budgets: Tenant['budgets']): Tenant {
  return { id, models: null, budgets, limits: null, cache: { scope: id, when: null, ttlSeconds: null } };
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Whole or not at all, on disk when it returns, and never readable by others for a moment. */
async function writePrivately(file: string, text: string): Promise<void> {
  const unfinished = `${file}.unfinished`;
  await rm(unfinished, { force: true });
  await writeFile(unfinished, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
  await rename(unfinished, file);
}
