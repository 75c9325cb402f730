import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { watchDisk } from '../../src/tenants/embedded-disk.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { mayMount } from '../support/mount.ts';
import { audit } from './audit.ts';
import { freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

const AT = Date.parse('2026-11-28T12:00:00Z');

test('a commit that fails is trouble until something can be written, which is tried without anybody asking', async () => {
  let fails = false;
  let probes = 0;
  const heard: (string | null)[] = [];
  const disk = watchDisk(
    {
      trouble: () => null,
      async ask({ verb }) {
        if (verb === 'probe') probes += 1;
        if (fails) throw new GatewayError('unavailable', `no room for ${verb}`);
        return {};
      },
    },
    (trouble) => heard.push(trouble?.message ?? null),
  );
  onTestFinished(disk.close);
  await disk.ask({ verb: 'reserve', holds: [], at: AT });
  expect([disk.trouble(), heard]).toEqual([null, []]);
  fails = true;
  for (const id of ['a', 'b'])
    await expect(disk.ask({ verb: 'release', id, outcome: 'released', at: AT })).rejects.toThrow('no room');
  expect(heard).toEqual(['no room for release']);
  await expect.poll(() => probes).toBeGreaterThan(0);
  expect(disk.trouble()).not.toBeNull();
  fails = false;
  // What only reads says nothing of it.
  await disk.ask({ verb: 'spent', accountKeys: [] });
  expect(disk.trouble()).not.toBeNull();
  await expect.poll(disk.trouble).toBeNull();
  expect(heard).toEqual(['no room for release', null]);
});

test('what the caller’s own budget or a thread that is gone refuses says nothing of the disk', async () => {
  const heard: unknown[] = [];
  const disk = watchDisk(
    {
      trouble: () => 'the thread is gone',
      ask: ({ verb }) =>
        Promise.reject(new GatewayError(verb === 'reserve' ? 'budget_exhausted' : 'unavailable', 'refused')),
    },
    (trouble) => heard.push(trouble),
  );
  await expect(disk.ask({ verb: 'reserve', holds: [], at: AT })).rejects.toThrow();
  await expect(disk.ask({ verb: 'probe' })).rejects.toThrow();
  expect([disk.trouble(), heard]).toEqual([null, []]);
});

test.skipIf(!mayMount())(
  'on a disk without room nothing is admitted, and what was spent is written when there is some',
  async () => {
    const mount = join(temporaryDirectory(), 'small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]);
    onTestFinished(() => void execFileSync('umount', ['-l', mount]));
    const file = join(mount, 'ledger.db');
    const state = await openEmbeddedState({ file, now: () => AT });
    const accounts = freshAccounts(1_000_000);
    const aloft = hold(accounts, 500);
    await state.reserve([aloft]);
    const filler = join(mount, 'filler');
    expect(() => {
      for (;;) appendFileSync(filler, Buffer.alloc(512));
    }).toThrow(/ENOSPC/);

    const admitted: number[] = [];
    await expect
      .poll(async () => {
        await state.reserve([hold(accounts, 1)]).then(
          () => admitted.push(1),
          () => undefined,
        );
        return state.trouble();
      })
      .toContain('cannot be written');
    const settled = state.settle(aloft.id, 300, 'ok');
    rmSync(filler);
    await settled;
    await expect.poll(() => state.trouble()).toBeNull();
    await state.reserve([hold(accounts, 1)]);
    const [balance] = await state.spent([accounts[0]!.key]);
    expect(balance).toEqual({ spentNanos: 300, heldNanos: admitted.length + 1 });
    await state.close();
    expect(audit(file).faults).toEqual([]);
  },
);
