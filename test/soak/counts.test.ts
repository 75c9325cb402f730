import { describe, expect, test } from 'vitest';
import type { Hold } from './books.ts';
import { checkLog, checkLookUps, checkRequests, checkSpend, checkUpstreamCalls } from './checks/counts.ts';
import type { Counted } from './checks/counts.ts';
import type { SaidLine } from './lives.ts';
import { samplesOf } from './metrics.ts';
import { toldOf } from './told.ts';

const ROUTE = 'route="/v1/images/generations",method="POST"';
const line = (over: Partial<SaidLine> = {}): SaidLine => ({
  requestId: 'req_1',
  route: 'POST /v1/images/generations',
  status: 200,
  outcome: 'ok',
  ...over,
});
/** One that still runs: its last scrape has everything. */
const life = (text: string, over: Partial<Counted> = {}): Counted => ({
  instance: 0,
  number: 0,
  startedAt: 0,
  end: null,
  lines: [line()],
  series: samplesOf(text),
  from: 100_000,
  until: 100_010,
  ...over,
});
/** It was killed soon after its last scrape. */
const KILLED = { end: { by: 'kill', from: 6_500, until: 8_000, code: 'SIGKILL' }, from: 6_100, until: 6_110 } as const;

describe('requests', () => {
  const one = `plantain_http_requests_total{${ROUTE},status="200"} 1\n`;
  const gone = toldOf({ end: 'hung up', status: null, requestId: null, verdict: null });

  test('are as many in the metrics as were asked', () => {
    expect(checkRequests([life(one)], [toldOf()]).faults).toEqual([]);
    const left = `${one}plantain_http_requests_total{${ROUTE},status="499"} 1\n`;
    expect(checkRequests([life(left)], [toldOf(), gone]).faults).toEqual([]);
  });

  test('may be missing from those of a process that was killed, if they came after its last scrape', () => {
    expect(checkRequests([life('', KILLED)], [toldOf()]).faults).toEqual([]);
    expect(checkRequests([life('', { ...KILLED, from: 9_000 })], [toldOf()]).faults).toHaveLength(1);
  });

  test.each([
    ['not counted', '', [toldOf()]],
    ['counted twice', one.replace('} 1', '} 2'), [toldOf()]],
    ['counted as what they were not', one.replace('200', '502'), [toldOf()]],
    ['counted though nobody asked', one, []],
  ])('are found %s', (_, text, told) => {
    expect(checkRequests([life(text)], told).faults).not.toEqual([]);
  });
});

describe('the log', () => {
  test('has one line for each answer, and one for each caller who had gone', () => {
    expect(checkLog([life('')], [toldOf()]).faults).toEqual([]);
    const gone = toldOf({ end: 'hung up', status: null, requestId: null, verdict: null });
    const lines = [line(), line({ requestId: 'req_2', status: 499 })];
    expect(checkLog([life('', { lines })], [toldOf(), gone]).faults).toEqual([]);
  });

  test('may have lost the last ones of a process that was killed', () => {
    expect(checkLog([life('', { ...KILLED, lines: [] })], [toldOf()]).faults).toEqual([]);
  });

  test.each<[string, readonly SaidLine[]]>([
    ['a missing line', []],
    ['another status', [line({ status: 499 })]],
    ['another route', [line({ route: 'POST /v1/messages' })]],
    ['two lines for one', [line(), line()]],
    ['a line of nobody', [line(), line({ requestId: 'req_2' })]],
    ['a fault of the gateway’s own', [line({ outcome: 'internal' })]],
  ])('is found to have %s', (_, lines) => {
    expect(checkLog([life('', { lines: [...lines] })], [toldOf()]).faults).toHaveLength(1);
  });
});

describe('pictures', () => {
  const counts = (hit: number, miss: number): string =>
    `plantain_cache_requests_total{tier="memory",result="hit"} ${hit}\nplantain_cache_requests_total{tier="memory",result="miss"} ${miss}\n`;
  const told = [toldOf(), toldOf({ cacheStatus: 'Plantain; hit; ttl=9' })];

  test('are counted as what callers were told they are', () => {
    expect(checkLookUps([life(counts(1, 1))], told).faults).toEqual([]);
    // Of two pictures in one answer only the worse is told.
    expect(checkLookUps([life(counts(2, 2))], [...told, toldOf({ n: 2 })]).faults).toEqual([]);
  });

  test('may be found in the last moment, a few of them', () => {
    expect(checkLookUps([life(counts(0, 2))], told).faults).toEqual([]);
    const many = Array.from({ length: 20 }, () => told[1]!);
    expect(checkLookUps([life(counts(20, 0))], many).faults).toEqual([]);
    expect(checkLookUps([life(counts(10, 10))], many).faults).toHaveLength(2);
  });

  test.each([
    ['as hits that were none', counts(2, 0)],
    ['never', counts(0, 0)],
    ['twice', counts(2, 2)],
  ])('are found counted %s', (_, text) => {
    expect(checkLookUps([life(text)], told).faults).not.toEqual([]);
  });
});

describe('calls upstream', () => {
  const calls =
    'plantain_upstream_requests_total{model="a",outcome="ok"} 2\nplantain_upstream_requests_total{model="a",outcome="not_sent"} 1\n';

  test('are those the simulator got', () => {
    expect(checkUpstreamCalls([life(calls)], [5_000, 6_000]).faults).toEqual([]);
    const killed = life(`${calls}plantain_upstream_inflight{model="a"} 1\n`, KILLED);
    expect(checkUpstreamCalls([killed], [4_000, 5_000, 5_500, 6_200]).faults).toEqual([]);
    const givenUp = life(`${calls}plantain_upstream_requests_total{outcome="cancelled"} 1\n`);
    expect(checkUpstreamCalls([givenUp], [5_000, 6_000]).faults).toEqual([]);
    expect(checkUpstreamCalls([givenUp], [5_000]).faults).toHaveLength(1);
  });

  test.each([
    ['nobody counted', [5_000, 5_000, 5_000, 5_000]],
    ['nobody got', [5_000]],
  ])('are found that %s', (_, received) => {
    expect(checkUpstreamCalls([life(calls)], received).faults).toHaveLength(1);
  });
});

describe('dollars', () => {
  const hold: Hold = {
    id: 'h1',
    tenant: 'acme',
    tags: {},
    state: 'settled',
    outcome: 'ok',
    worst: 60_000_000,
    charged: 45_000_000,
    at: 5_000,
  };
  const spent = (usd: number): string => `plantain_spend_usd_total{model="a",tenant="acme"} ${usd}\n`;

  test('are those of the ledger, but for what a start finds of the life before it', () => {
    expect(checkSpend([life(spent(0.045))], [hold], []).faults).toEqual([]);
    expect(checkSpend([life(spent(0.045))], [hold, { ...hold, state: 'expired' }], []).faults).toEqual([]);
    expect(checkSpend([life(spent(0), KILLED)], [{ ...hold, at: 6_200 }], []).faults).toEqual([]);
  });

  test('told to callers are found to be more than were charged', () => {
    expect(checkSpend([life(spent(0.045))], [hold], [toldOf({ costNanos: 45_000_000 })]).faults).toEqual([]);
    expect(checkSpend([life(spent(0.045))], [hold], [toldOf({ costNanos: 45_000_001 })]).faults).toHaveLength(1);
  });

  test.each([
    ['too many', 0.05],
    ['too few', 0.04],
  ])('are found to be %s', (_, usd) => {
    expect(checkSpend([life(spent(usd))], [hold], []).faults).toHaveLength(1);
  });
});
