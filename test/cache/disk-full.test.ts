import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mayMount } from '../support/mount.ts';
import { blobBytes, read } from './entries.ts';
import type { Said } from './full-process.ts';
import { diskStore, has, put, temporaryDirectory } from './stores.ts';

const PATIENT = { timeout: 30_000 };
const ROOT = join(import.meta.dirname, '../..');

describe('a disk without room', () => {
  test('keeps nothing of what does not fit, says so once, and goes on with what fits', async () => {
    const directory = join(temporaryDirectory(), 'cache');
    const line = `ulimit -f 4000; exec "$0" test/cache/full-process.ts "$1"`;
    const { stdout } = await promisify(execFile)('bash', ['-c', line, process.execPath, directory], { cwd: ROOT });
    const said = JSON.parse(stdout) as Said;
    expect(said).toMatchObject({ small: true, smallIsThere: true, keptInTheEnd: true });
    expect(said.large).toEqual(Array.from({ length: 20 }, () => false));
    expect(said.troubles).toEqual(['writes_failed', 'writes_again']);
    expect(readdirSync(join(directory, 'tmp'))).toEqual([]);
  });

  test.skipIf(!mayMount())('of its own is bounded by what is there, and used again when there is more', async () => {
    const mount = join(temporaryDirectory(), 'small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount]);
    onTestFinished(() => void execFileSync('umount', ['-l', mount]));
    const disk = diskStore({ directory: join(mount, 'cache'), maxBytes: 1e9, pausesMs: { first: 1, longest: 1 } });
    const kept: string[] = [];
    for (let number = 0; number < 60; number += 1) {
      const blobs = [blobBytes(number, 100_000)];
      if (await put(disk.store, `${number}`, { blobs })) kept.push(`${number}`);
    }
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.length).toBeLessThan(30);
    // Where it is nearly full, the small change that is left may do for another one.
    expect(disk.troubles[0]).toBe('writes_failed');
    expect(disk.troubles.length).toBeLessThan(8);
    for (const name of kept) expect((await read(disk.store, name))?.blobs).toEqual([blobBytes(Number(name), 100_000)]);
    expect(readdirSync(join(mount, 'cache/tmp'))).toEqual([]);

    // Full to the last byte: perhaps not even the catalogue can be written.
    const filler = join(mount, 'filler');
    expect(() => writeFileSync(filler, Buffer.alloc(3 << 20))).toThrow(/ENOSPC/);
    const isKept = await put(disk.store, 'none', { blobs: [] });
    expect(await has(disk.store, 'none')).toBe(isKept);
    rmSync(filler);
    await disk.store.purge({});
    await expect.poll(() => put(disk.store, 'again', { blobs: [blobBytes(1, 500_000)] }), PATIENT).toBe(true);
    expect((await read(disk.store, 'again'))?.blobs).toEqual([blobBytes(1, 500_000)]);
  });
});
