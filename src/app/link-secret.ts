import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secrets } from '../cache/link-signature.ts';

const FILE = 'link-secret';

/**
 * What links are signed with, the current secret first: those of the configuration, else those of `directory`/link-secret,
 * one a line, which is made at the first start and readable by this user alone (0600). Another line above them is the new
 * secret of the next start; instances that share a cache agree on that of one of them. To be called by the process that has the directory to itself. Throws Error when the file
 * cannot be read or written, or holds no secret.
 */
export async function linkSecrets(directory: string, configured: readonly string[]): Promise<Secrets> {
  const [current, ...previous] = configured;
  if (current !== undefined) return [current, ...previous];
  const file = join(directory, FILE);
  const kept = await readIfThere(file);
  if (kept === null) {
    const made = randomBytes(32).toString('base64url');
    await keepLinkSecrets(directory, [made]);
    return [made];
  }
  const [first, ...others] = kept.split(/\s+/).filter((line) => line !== '');
  if (first === undefined || [first, ...others].some((line) => line.length < 32))
    throw new Error(
      `${file} must hold secrets of 32 characters at least, one a line. Remove it and start again for a new one.`,
    );
  return [first, ...others];
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Whole or not at all: a secret that was cut short would be another. */
export async function keepLinkSecrets(directory: string, secrets: Secrets): Promise<void> {
  const file = join(directory, FILE);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.unfinished`;
  await rm(unfinished, { force: true });
  await writeFile(unfinished, `${secrets.join('\n')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  await rename(unfinished, file);
}
