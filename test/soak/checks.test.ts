import { describe, expect, test } from 'vitest';
import { differences } from './balances.ts';
import type { Change, Hold } from './books.ts';
import { checkAnswers } from './checks/answers.ts';
import { checkBudgets } from './checks/budgets.ts';
import { checkIdle } from './checks/idle.ts';
import { checkLeaks } from './checks/leaks.ts';
import type { Holdings } from './checks/leaks.ts';
import { checkLoad } from './checks/load.ts';
import { checkMoney, checkNothingHeld } from './checks/money.ts';
import { checkOnce } from './checks/once.ts';
import { toldOf } from './told.ts';
import { samplesOf } from './metrics.ts';
import { historyOf } from './redis-history.ts';
import type { Op } from './redis-history.ts';
import type { Billed } from './witness.ts';

// A check that cannot fail is none: each is shown what is well, and then a forgery of it.

const hold = (over: Partial<Hold> = {}): Hold => ({
  id: 'h1',
  tenant: 'acme',
  tags: { bill: 's1', once: 's1.images.1' },
  state: 'settled',
  outcome: 'ok',
  worst: 60,
  charged: 45,
  at: 100_000,
  ...over,
});
const billed = (over: Partial<Billed> = {}): Billed => ({ call: 1, prompt: 'd1', nanoUsd: 45, fault: null, ...over });
const PROMPTS = new Map([
  ['s1', 'd1'],
  ['s2', 'd2'],
]);
const UNKNOWN = { outcome: 'unknown', charged: 60 } as const;

describe('the load', () => {
  const some = [
    toldOf(),
    toldOf({ cacheStatus: 'Plantain; hit; ttl=9' }),
    toldOf({ cacheStatus: 'Plantain; fwd=miss; collapsed' }),
    toldOf({ status: 429 }),
    toldOf({ status: 504 }),
    toldOf({ end: 'hung up' }),
  ];
  const happened = {
    seconds: 1,
    told: some,
    holds: [hold({ ...UNKNOWN })],
    faultsShown: 1,
    events: { planned: 2, befallen: 2 },
  };

  test('has some of everything', () => {
    expect(checkLoad(happened).faults).toEqual([]);
  });

  test.each<[string, Partial<typeof happened>]>([
    ['any one of its kinds', { told: some.slice(1).filter(({ cacheStatus }) => !cacheStatus.includes('hit')) }],
    ['what is charged as unknown', { holds: [hold()] }],
    ['faults', { faultsShown: 0 }],
    ['an event', { events: { planned: 2, befallen: 1 } }],
    ['pictures', { seconds: 10 }],
  ])('is found to lack %s', (_, over) => {
    expect(checkLoad({ ...happened, ...over }).faults).toHaveLength(1);
  });
});

describe('answers', () => {
  const kill = { by: 'kill', instance: 0, from: 10_000, until: 12_000 } as const;
  const cut = toldOf({ end: 'cut', startedAt: 5_000, endedAt: 10_001 });

  test('may be cut by a crash, and refused while nobody listens', () => {
    const refused = toldOf({ end: 'refused', startedAt: 11_000, endedAt: 11_001 });
    expect(checkAnswers([toldOf(), cut, refused], [kill]).faults).toEqual([]);
  });

  test.each([
    ['cut with no event', checkAnswers([cut], [])],
    ['cut by the crash of another gateway', checkAnswers([cut], [{ ...kill, instance: 1 }])],
    ['cut long before the crash', checkAnswers([{ ...cut, endedAt: 8_000 }], [kill])],
    ['cut by a process that was told to end and had heard it', checkAnswers([cut], [{ ...kill, by: 'term' }])],
    [
      'refused before and after',
      checkAnswers([toldOf({ end: 'refused', startedAt: 13_000, endedAt: 13_001 })], [kill]),
    ],
    ['never given', checkAnswers([toldOf({ end: 'overdue' })], [kill])],
    [
      'that broke a promise',
      checkAnswers([toldOf({ verdict: { outcome: 'pictures', pictures: 1, words: null, faults: ['half'] } })], []),
    ],
  ])('are found %s', (_, { faults }) => {
    expect(faults).toHaveLength(1);
  });
});

describe('the ledger against the bill', () => {
  test('is the bill, and what is unknown on top of it', () => {
    const holds = [hold(), hold({ id: 'h2', tags: { bill: 's2' }, ...UNKNOWN }), hold({ id: 'h3', charged: 0 })];
    expect(checkMoney(holds, [billed()], PROMPTS).faults).toEqual([]);
    expect(checkMoney(holds, [billed(), billed({ call: 2, prompt: 'd2', nanoUsd: 60 })], PROMPTS).faults).toEqual([]);
  });

  test('lets a lost reply have cost more than anybody could know, if the vendor drew more than it was asked for', () => {
    const lost = [hold({ ...UNKNOWN })];
    expect(checkMoney(lost, [billed({ nanoUsd: 70, fault: 'two-pictures' })], PROMPTS).faults).toEqual([]);
    expect(checkMoney(lost, [billed({ nanoUsd: 70 })], PROMPTS).faults).not.toEqual([]);
    expect(checkMoney([hold()], [billed({ nanoUsd: 70, fault: 'two-pictures' })], PROMPTS).faults).not.toEqual([]);
  });

  test.each([
    ['a nano-dollar too little', [hold({ charged: 44 })], [billed()]],
    ['a nano-dollar too much', [hold({ charged: 46 })], [billed()]],
    ['a picture that was billed and given back', [hold({ charged: 0, outcome: 'released' })], [billed()]],
    ['a picture charged that nobody billed', [hold(), hold({ id: 'h2', tags: { bill: 's2' } })], [billed()]],
    [
      'what another prompt would make good',
      [hold(), hold({ id: 'h2', tags: { bill: 's2' }, ...UNKNOWN })],
      [billed(), billed({ call: 2 })],
    ],
    ['less than the bill for what is unknown', [hold({ ...UNKNOWN, charged: 30 })], [billed()]],
    ['a call whose prompt nobody asked', [hold()], [billed(), billed({ call: 2, prompt: null })]],
  ])('is found to have %s', (_, holds, bill) => {
    expect(checkMoney(holds, bill, PROMPTS).faults).not.toEqual([]);
  });

  test('holds nothing at the end', () => {
    expect(checkNothingHeld([hold()], [{ key: 'a', spent: 45, held: 0 }]).faults).toEqual([]);
    expect(checkNothingHeld([hold({ state: 'held' })], []).faults).toHaveLength(1);
    expect(checkNothingHeld([], [{ key: 'a', spent: 45, held: 1 }]).faults).toHaveLength(1);
  });
});

describe('balances', () => {
  const account = { key: 'a', spent: 45, held: 0 };

  test('are the same everywhere, or are told', () => {
    expect(differences([{ accounts: [account] }], [account])).toEqual([]);
    expect(differences([{ accounts: [account] }, { accounts: [{ ...account, spent: 44 }] }], [account])).toHaveLength(
      1,
    );
    expect(differences([{ accounts: [account] }, { accounts: [] }], [])).toHaveLength(1);
    expect(differences([{ accounts: [] }], [account])).toHaveLength(1);
  });
});

describe('a budget', () => {
  const change = (kind: string, held: number, spent = 0, hold = 'h1'): Change => ({
    account: 'a',
    hold,
    kind,
    held,
    spent,
  });
  const LIMITS = new Map([['a', 100]]);
  const settled = [change('reserve', 60), change('settle', -60, 45)];

  test('is kept to its last nano-dollar, and passed only by a reply that cost more than its worst case', () => {
    expect(checkBudgets([...settled, change('reserve', 55, 0, 'h2')], LIMITS).faults).toEqual([]);
    expect(checkBudgets([change('reserve', 60), change('settle', -60, 130)], LIMITS).faults).toEqual([]);
    expect(
      checkBudgets([change('reserve', 60), change('expire', -60, 60), change('settle', 0, -15)], LIMITS).faults,
    ).toEqual([]);
  });

  test.each([
    ['passed by a nano-dollar', [...settled, change('reserve', 56, 0, 'h2')]],
    ['passed for a moment', [change('reserve', 60), change('reserve', 60, 0, 'h2'), change('release', -60)]],
    [
      'used when it was passed already',
      [change('reserve', 60), change('settle', -60, 130), change('reserve', 1, 0, 'h2')],
    ],
    ['never seen', []],
  ])('is found %s', (_, history) => {
    expect(checkBudgets(history, LIMITS).faults).toHaveLength(1);
  });
});

describe('the changes in Redis', () => {
  const reserve = (id: string, worstNanos: number): Op => ({
    verb: 'reserve',
    holds: [{ id, worstNanos, accounts: [{ key: 'a' }] }],
  });
  const settle = (id: string, nanos: number): Op => ({ verb: 'settle', id, ended: { nanos } });
  const LIMITS = new Map([['a', 100]]);

  test('are a history of their accounts, late settlements among them', () => {
    const changes: Op[] = [reserve('h1', 60), settle('h1', 45), reserve('h2', 55), { verb: 'expire', ids: ['h2'] }];
    const history = historyOf([
      ...changes,
      { verb: 'save' },
      settle('h2', 40),
      reserve('h3', 15),
      { verb: 'release', id: 'h3' },
    ]);
    expect(history.map(({ held, spent }) => [held, spent])).toEqual([
      [60, 0],
      [-60, 45],
      [55, 0],
      [-55, 55],
      [0, -15],
      [15, 0],
      [-15, 0],
    ]);
    expect(checkBudgets(history, LIMITS).faults).toEqual([]);
  });

  test('are found to pass a budget, and not to be about what was never reserved', () => {
    expect(checkBudgets(historyOf([reserve('h1', 60), reserve('h2', 41)]), LIMITS).faults).toHaveLength(1);
    expect(() => historyOf([settle('h1', 45)])).toThrow(/never reserved/);
  });
});

describe('a repeatable picture', () => {
  const NEVER = { lifetimeMs: () => 1_000_000, unstored: [], alone: [] };
  const again = [hold(), hold({ id: 'h2', at: 150_000 })];

  test('costs once, or once for each of its pictures, or again when it is kept no longer', () => {
    expect(checkOnce([hold(), hold({ id: 'h2', charged: 10, outcome: 'no_image' })], NEVER).faults).toEqual([]);
    expect(checkOnce([hold(), hold({ id: 'h2', tags: { bill: 's1' } })], NEVER).faults).toEqual([]);
    const two = again.map((each) => ({ ...each, tags: { once: 's1.images.2' } }));
    expect(checkOnce(two, NEVER).faults).toEqual([]);
    expect(checkOnce(again, { ...NEVER, lifetimeMs: () => 40_000 }).faults).toEqual([]);
  });

  test('may cost again if it was not stored, or if a gateway drew alone', () => {
    const unstored = [{ from: 99_000, until: 101_000 }];
    expect(checkOnce(again, { ...NEVER, unstored }).faults).toEqual([]);
    expect(checkOnce(again, { ...NEVER, alone: [{ from: 149_000, until: 149_500 }] }).faults).toEqual([]);
  });

  test('is found to have cost twice', () => {
    expect(checkOnce(again, NEVER).faults).toHaveLength(1);
    expect(checkOnce(again, { ...NEVER, lifetimeMs: () => 60_000 }).faults).toHaveLength(1);
    const elsewhen = [{ from: 120_000, until: 121_000 }];
    expect(checkOnce(again, { ...NEVER, unstored: elsewhen, alone: elsewhen }).faults).toHaveLength(1);
  });
});

describe('a process at rest', () => {
  const MB = 1 << 20;
  const ALIVE = { Timeout: 30, Socket: 30, IncomingMessage: 0, ServerResponse: 0, AbortSignal: 60 };
  const rest: Holdings = {
    heapUsedBytes: 30 * MB,
    externalBytes: 20 * MB,
    residentBytes: 250 * MB,
    descriptors: 44,
    resources: { Timeout: 5 },
    alive: ALIVE,
  };

  test('holds about what it held before', () => {
    const later = { ...rest, heapUsedBytes: 35 * MB, descriptors: 45, resources: { Timeout: 7 } };
    expect(checkLeaks(rest, later, { requests: 1_000, tasks: 10 }, 0).faults).toEqual([]);
  });

  test.each<[string, Partial<Holdings>]>([
    ['heap', { heapUsedBytes: 60 * MB }],
    ['memory outside it', { externalBytes: 100 * MB }],
    ['resident memory', { residentBytes: 400 * MB }],
    ['descriptors', { descriptors: 60 }],
    ['timers', { resources: { Timeout: 50 } }],
    ['timers that keep nothing busy', { alive: { ...ALIVE, Timeout: 130 } }],
    ['sockets', { resources: { TCPSocketWrap: 9 } }],
  ])('is found to leak %s', (_, more) => {
    expect(checkLeaks(rest, { ...rest, ...more }, { requests: 1_000, tasks: 10 }, 0).faults).toHaveLength(1);
  });

  test('keeps what tasks have for an hour, and no more', () => {
    const later = { ...rest, alive: { ...ALIVE, AbortSignal: 2_060 } };
    expect(checkLeaks(rest, later, { requests: 1_000, tasks: 500 }, 0).faults).toEqual([]);
    expect(checkLeaks(rest, later, { requests: 1_000, tasks: 100 }, 0).faults).toHaveLength(1);
  });

  test('tells of nothing in the air, and leases nothing', () => {
    const idle = samplesOf('plantain_singleflight_flights 0\nplantain_upstream_inflight{model="a"} 0\n');
    expect(checkIdle([{ series: idle }], []).faults).toEqual([]);
    expect(checkIdle([{ series: idle }], ['lease:1']).faults).toHaveLength(1);
    expect(checkIdle([{ series: samplesOf('') }], []).faults).toHaveLength(1);
    const busy = samplesOf('plantain_singleflight_flights 1\nplantain_upstream_inflight{model="a"} 2\n');
    expect(checkIdle([{ series: busy }], []).faults).toHaveLength(2);
  });
});
