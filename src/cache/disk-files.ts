import { open, rm } from 'node:fs/promises';
import { digestOf } from './digest.ts';
import { codeOf } from './disk-tree.ts';
import type { BlobRef } from './store.ts';

/** Writes a new file, and returns when its bytes would survive a power cut. */
export async function writeDraft(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    // One call of the system may write less than it is given; this one goes on.
    for (const piece of pieces) await file.writeFile(piece);
    await file.datasync();
  } finally {
    await file.close();
  }
}

export async function removeDrafts(paths: readonly string[]): Promise<void> {
  // Where that fails too, the next start does it.
  await Promise.allSettled(paths.map((path) => rm(path, { force: true })));
}

/** The bytes of a blob, whole and as its address says; null when they are not there or not that. */
export async function readBlob(path: string, { digest, byteLength }: BlobRef): Promise<Buffer | null> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size !== byteLength) return null;
    const bytes = Buffer.allocUnsafeSlow(byteLength);
    let filled = 0;
    while (filled < byteLength) {
      const { bytesRead } = await file.read(bytes, filled, byteLength - filled, filled);
      if (bytesRead === 0) return null;
      filled += bytesRead;
    }
    return (await digestOf([bytes])) === digest ? bytes : null;
  } finally {
    await file.close();
  }
}
