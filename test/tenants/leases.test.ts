import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { audit } from './audit.ts';
import { freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

test('I15: what is held past its lease is charged as unknown while the process runs, and corrected when its cost turns up', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const now = Date.parse('2026-11-22T12:00:00Z');
  let clock = 5_000.5;
  const state = await openEmbeddedState({ file, now: () => now, clock: () => clock });
  const heard: string[] = [];
  state.watch({
    expired: ({ holds, nanos }) => heard.push(`expired ${holds} ${nanos}`),
    settledLate: () => heard.push('late'),
    disk: () => undefined,
  });
  const accounts = freshAccounts(1_000);
  const [short, shorter, long] = [
    hold(accounts, 100, { leaseMs: 60_000 }),
    hold(accounts, 30, { leaseMs: 59_999.5 }),
    hold(accounts, 200, { leaseMs: 600_000 }),
  ];
  await state.reserve([short, shorter, long]);
  const balance = async () => (await state.spent([accounts[0]!.key]))[0];

  clock += 59_999;
  expect(await state.sweep()).toEqual({ holds: 0, nanos: 0 });
  clock += 1;
  expect(await state.sweep()).toEqual({ holds: 2, nanos: 130 });
  expect(await state.sweep()).toEqual({ holds: 0, nanos: 0 });
  expect(await balance()).toEqual({ spentNanos: 130, heldNanos: 200 });

  await state.settle(short.id, 40, 'ok');
  await state.settle(short.id, 40, 'ok');
  await state.release(shorter.id);
  await state.settle(long.id, 200, 'ok');
  expect(await balance()).toEqual({ spentNanos: 270, heldNanos: 0 });
  expect(heard).toEqual(['expired 2 130', 'late']);
  await state.close();
  expect(audit(file).faults).toEqual([]);
});

test('a lease lasts as long as it says, whatever is done to the clock on the wall', async () => {
  const day = 86_400_000;
  let now = Date.parse('2026-11-22T12:00:00Z');
  let clock = 0;
  const state = await openEmbeddedState({ file: ':memory:', now: () => now, clock: () => clock });
  const [first, second] = [hold([], 100, { leaseMs: 60_000 }), hold([], 30, { leaseMs: 60_000 })];
  await state.reserve([first]);
  now += 400 * day;
  expect(await state.sweep()).toEqual({ holds: 0, nanos: 0 });
  await state.reserve([second]);
  now -= 800 * day;
  clock += 59_999;
  expect(await state.sweep()).toEqual({ holds: 0, nanos: 0 });
  clock += 1;
  expect(await state.sweep()).toEqual({ holds: 2, nanos: 130 });
  await state.close();
});

test('every row says who caused it, what it is for and who drew it', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const state = await openEmbeddedState({ file, now: Date.now });
  const tagged = hold([], 100, { user: 'ada', tags: { job: '12', team: 'web' } });
  const plain = hold([], 100, { tier: null, user: 'u\ud800\u0000'.repeat(1_000) });
  await state.reserve([tagged, plain]);
  await state.settle(tagged.id, 70, 'ok', { pictures: 1, tokens: 1_700 });
  await state.release(plain.id, 'not_sent');
  await state.close();
  const { rows } = audit(file);
  expect(
    rows.map(({ kind, user, tags, upstream, tier, outcome }) => [kind, user, tags, upstream, tier, outcome]),
  ).toEqual([
    ['reserve', 'ada', '{"job":"12","team":"web"}', 'vendor', '1K', null],
    ['reserve', expect.stringMatching(/^u/), '{}', 'vendor', '', null],
    ['settle', 'ada', '{"job":"12","team":"web"}', 'vendor', '1K', 'ok'],
    ['release', expect.stringMatching(/^.{1,256}$/s), '{}', 'vendor', '', 'not_sent'],
  ]);
});
