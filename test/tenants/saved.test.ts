import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { reportUsage } from '../../src/tenants/ledger-usage.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { savedTally } from '../../src/tenants/saved-tally.ts';
import type { Saving } from '../../src/tenants/state.ts';
import { FOR_EVER, freshAccounts, hold } from './spend-history.ts';
import { temporaryDirectory } from './temporary.ts';

const at = Date.parse('2026-11-22T12:00:00Z');
const newFile = (): string => join(temporaryDirectory(), 'ledger.db');

function saving(over: Partial<Saving> = {}): Saving {
  const who = { tenant: 'acme', keyId: 'k1', model: 'pro', upstream: 'vendor', tier: '1K', user: null, tags: {} };
  return { how: 'cached', ...who, nanos: 50, ms: 1_200.4, ...over };
}

/** `by`, calls, cached, joined, nano-dollars and ms saved. */
function savedBy(file: string, by: readonly string[], most = 100) {
  const db = openLedgerReader(file);
  try {
    expect(verifyLedger(db).drifts).toEqual([]);
    const report = reportUsage(db, { by, tenant: null, upstream: null, since: null, until: null }, most);
    const { cached, joined, savedNanos, savedMs } = report.total;
    return {
      rows: report.rows.map(({ by: names, sums }) => [
        ...names,
        ...[sums.calls, sums.cached, sums.joined, sums.savedNanos, sums.savedMs].map(Number),
      ]),
      others: report.others,
      total: [cached, joined, savedNanos, savedMs].map(Number),
    };
  } finally {
    db.close();
  }
}

test('what the cache saved is told by whom, on what and when, beside what was spent', async () => {
  const file = newFile();
  let now = at;
  const state = await openEmbeddedState({ file, now: () => now });
  const drawn = hold(freshAccounts(100), 50, { user: 'ada' });
  await state.reserve([drawn]);
  await state.settle(drawn.id, 50, 'ok');
  for (let hit = 0; hit < 3; hit += 1) state.save(saving({ user: 'ada', tags: { team: 'web' } }));
  state.save(saving({ user: 'bob', how: 'joined' }));
  now += 86_400_000;
  state.save(saving({ tenant: 'globex', keyId: 'g', model: 'flash', nanos: 9, ms: 10 }));
  await state.close();
  expect(savedBy(file, ['tenant', 'user'])).toEqual({
    rows: [
      ['acme', 'ada', 1, 3, 0, 150, 3_601],
      ['acme', 'bob', 0, 0, 1, 50, 1_200],
      ['globex', '', 0, 1, 0, 9, 10],
    ],
    others: null,
    total: [4, 1, 209, 4_811],
  });
  expect(savedBy(file, ['day', 'outcome']).rows).toEqual([
    ['2026-11-22', 'ok', 1, 0, 0, 0, 0],
    ['2026-11-22', 'cached', 0, 3, 0, 150, 3_601],
    ['2026-11-22', 'joined', 0, 0, 1, 50, 1_200],
    ['2026-11-23', 'cached', 0, 1, 0, 9, 10],
  ]);
  expect(savedBy(file, ['tag:team']).rows).toEqual([
    ['', 1, 1, 1, 59, 1_210],
    ['web', 0, 3, 0, 150, 3_601],
  ]);
});

test('it is written about once a second, without anybody waiting for it', async () => {
  const file = newFile();
  const state = await openEmbeddedState({ file, now: () => at });
  state.save(saving());
  await expect.poll(() => savedBy(file, []).total).toEqual([1, 0, 50, 1_200]);
  await state.close();
});

test('what could not be written is written later, once', async () => {
  const file = newFile();
  const state = await openEmbeddedState({ file, now: () => at });
  const stranger = new DatabaseSync(file);
  stranger.exec('BEGIN IMMEDIATE');
  state.save(saving());
  // Refused after a while, as the batch is: by then it was tried.
  await expect(state.refund(['none'])).rejects.toMatchObject({ failure: 'unavailable' });
  state.save(saving());
  stranger.exec('ROLLBACK');
  stranger.close();
  await state.close();
  expect(savedBy(file, []).total).toEqual([2, 0, 100, 2_401]);
});

test('a batch that is sent twice counts once, and an older one not at all', () => {
  const file = newFile();
  const ledger = openEmbeddedLedger(file, at);
  const tally = savedTally();
  tally.add(saving(), at);
  const sums = tally.take();
  for (const [source, number] of [
    ['a', 1],
    ['a', 1],
    ['a', 2],
    ['a', 1],
    ['b', 1],
  ] as const)
    expect(ledger.commit([{ verb: 'save', batch: { source, number, sums }, at }])).toEqual([{ told: {} }]);
  ledger.close();
  expect(savedBy(file, []).total).toEqual([3, 0, 150, 3_600]);
});

test('in memory it is bounded: of too many users at a time only the keys are told apart', () => {
  const tally = savedTally();
  for (let user = 0; user < 25_000; user += 1) tally.add(saving({ user: `u${user}`, nanos: 1 }), at);
  const sums = tally.take();
  expect(sums).toHaveLength(10_001);
  expect(sums.reduce((sum, { nanos }) => sum + nanos, 0)).toBe(25_000);
  expect(sums.find(({ user }) => user === null)).toMatchObject({ keyId: 'k1', calls: 15_000 });
  expect(tally.take()).toEqual([]);
});

test('a roll-up forgets its users and tags as well, and none of its sums', async () => {
  const file = newFile();
  const state = await openEmbeddedState({ file, now: () => at });
  for (let user = 0; user < 7; user += 1) state.save(saving({ user: `u${user}` }));
  state.save(saving());
  await state.close();
  const next = await openEmbeddedState({ file, now: () => at + 86_400_000 });
  next.save(saving({ user: 'today' }));
  await next.close();
  const last = await openEmbeddedState({ file, now: () => at });
  while (await last.rollUp({ before: at + 86_400_000, unknownsBefore: 0 }, 2));
  expect(savedBy(file, ['day', 'user']).rows).toEqual([
    ['2026-11-22', '', 0, 8, 0, 400, 9_600],
    ['2026-11-23', 'today', 0, 1, 0, 50, 1_200],
  ]);
  while (await last.rollUp({ before: FOR_EVER, unknownsBefore: 0 }, 2));
  expect(savedBy(file, ['user']).rows).toEqual([['', 0, 9, 0, 450, 10_800]]);
  await last.close();
});

test('a report of very many tags tells the dearest, and what all the others come to', () => {
  const file = newFile();
  const ledger = openEmbeddedLedger(file, at);
  const holds = Array.from({ length: 50 }, (_, job) => hold([], 100, { tags: { job: `${job}` } }));
  ledger.commit([
    { verb: 'reserve', holds, at },
    ...holds.map(
      ({ id }, job) =>
        ({ verb: 'settle', id, ended: { nanos: job, outcome: 'ok', pictures: 1, tokens: 1 }, at }) as const,
    ),
  ]);
  ledger.close();
  const { rows, others } = savedBy(file, ['tag:job'], 2);
  expect(rows.map(([job]) => job)).toEqual(['49', '48']);
  expect(others).toMatchObject({ calls: 48n, spentNanos: BigInt((47 * 48) / 2) });
  expect(savedBy(file, ['tag:job'], 50).others).toBeNull();
});
