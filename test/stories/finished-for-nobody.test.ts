import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { askAndHangUp } from '../support/hang-up.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
/** What the simulator charges as a reseller, and what the models here are said to cost. */
const COST = 58_000_000;
const LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;

const model = (id: string, cache?: object) => ({
  id,
  targets: [{ upstream: 'vendor', model: id, price: { perImageUsd: 0.058 } }],
  ...(cache && { cache }),
});

let gateway: TestGateway;
let ledger: DatabaseSync;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64, pricing: 'reseller' },
    // Of tier 1K nobody waits for long enough.
    upstream: { answerWithinMs: { '512': 20_000, '1K': 150 } },
    config: {
      bounds: { detachedPerTenant: 3 },
      models: [model('gemini-3.1-flash-image'), model('gemini-3-pro-image', { onDisconnect: 'cancel' })],
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }], cache: { onDisconnect: 'cancel' } },
      ],
    },
  });
  ledger = new DatabaseSync(join(gateway.directory, 'ledger.db'), { readOnly: true, timeout: 60_000 });
});
afterAll(async () => {
  ledger.close();
  await gateway.close();
});

let prompt = '';
beforeEach(({ task }) => {
  prompt = task.name;
  gateway.simulator.clearRules();
  gateway.simulator.settings.latencyMs = 500;
});

const images = (over: object = {}) => ({ prompt, user: prompt, image_size: '512', ...over });
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const callsOf = (text = prompt) =>
  gateway.simulator.calls.filter(({ promptDigest }) => promptDigest === digest(text)).map(({ number }) => number);
const billedFor = (text = prompt): number => {
  const calls = new Set(callsOf(text));
  return gateway.simulator.bill.entries
    .filter(({ call }) => calls.has(call))
    .reduce((sum, { nanoUsd }) => sum + nanoUsd, 0);
};
/** The rows of the ledger for one prompt, by their outcome. */
function rowsOf(user = prompt): Readonly<Record<string, { readonly count: number; readonly nanos: number }>> {
  const rows = ledger
    .prepare(
      `SELECT state || ' ' || coalesce(outcome, '') AS outcome, count(*) AS count, sum(charged) AS nanos
       FROM hold JOIN attribution AS who ON who.id = attribution WHERE user = ? GROUP BY 1`,
    )
    .all(user);
  return Object.fromEntries(
    rows.map(({ outcome, count, nanos }) => [String(outcome), { count: Number(count), nanos: Number(nanos) }]),
  );
}

/** Asks, reads the whole answer, and hangs up when told to. */
async function askUntil(signal: AbortSignal, body: object, key: string): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const asked = fetch(gateway.url + IMAGES, { method: 'POST', headers, body: JSON.stringify(body), signal });
  await asked
    .then((reply) => reply.arrayBuffer())
    .catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
}

test('who left one picture and comes back for two gets it, and one more is drawn', async () => {
  await askAndHangUp(gateway, IMAGES, images());
  const collapsed = (): Promise<number> => scraped(gateway, 'plantain_cache_requests_total', { result: 'collapsed' });
  const before = await collapsed();
  const reply = await gateway.post(IMAGES, images({ n: 2 }));
  expect([reply.status, reply.headers.get('x-plantain-cost-usd')]).toEqual([200, '0.058']);
  expect((await bodyOf<ImagesReply>(reply)).data).toHaveLength(2);
  expect(callsOf()).toHaveLength(2);
  expect(billedFor()).toBe(2 * COST);
  expect(await collapsed()).toBe(before + 1);
});

describe('a tenant whose pictures are cancelled when nobody waits for them', () => {
  test('is charged as unknown for the one it hung up on, and the call is broken off', async () => {
    const land = keepAloft(gateway.simulator);
    await askAndHangUp(gateway, IMAGES, images(), { headers: OTHER });
    await expect.poll(() => rowsOf()).toEqual({ 'settled unknown': { count: 1, nanos: COST } });
    expect(await scraped(gateway, 'plantain_upstream_requests_total', { outcome: 'cancelled' })).toBeGreaterThan(0);
    expect(await scraped(gateway, 'plantain_upstream_inflight')).toBe(0);
    await expect.poll(() => gateway.logged()).toMatch(/"outcome":"upstream_failed".*"code":"cancelled".*"status":499/);
    land();
    const again = await gateway.post(IMAGES, images(), OTHER);
    expect(again.headers.get('x-plantain-cost-usd')).toBe('0.058');
    expect(callsOf()).toHaveLength(2);
  });

  test('has its picture drawn to the end while somebody is still aboard', async () => {
    const body = images({ seed: 5 });
    const left = new AbortController();
    const land = keepAloft(gateway.simulator);
    const leader = askUntil(left.signal, body, OTHER_KEY);
    await expect.poll(() => callsOf().length, { interval: 5 }).toBe(1);
    const waiting = gateway.post(IMAGES, body, OTHER);
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_waiters'), { interval: 5 }).toBe(1);
    left.abort();
    await leader;
    land();
    const reply = await waiting;
    expect(reply.status).toBe(200);
    expect(callsOf()).toHaveLength(1);
    await expect.poll(() => rowsOf()).toEqual({ 'settled ok': { count: 1, nanos: COST } });
  });

  test('gets what it was told to come back for: a 504 is a promise', async () => {
    const body = images({ image_size: '1K' });
    const land = keepAloft(gateway.simulator);
    const late = await gateway.post(IMAGES, body, OTHER);
    expect(late.status).toBe(504);
    land();
    expect(late.headers.get('retry-after')).toBe('5');
    await expect.poll(() => rowsOf()).toEqual({ 'settled ok': { count: 1, nanos: COST } });
    const collected = await gateway.post(IMAGES, body, OTHER);
    expect(collected.status).toBe(200);
    expect(collected.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(callsOf()).toHaveLength(1);
  });

  test('pays for nothing of several pictures that was not sent, and for each that was', async () => {
    keepAloft(gateway.simulator);
    await askAndHangUp(gateway, IMAGES, images({ n: 3 }), { headers: OTHER, calls: 3 });
    await expect.poll(() => rowsOf()).toEqual({ 'settled unknown': { count: 3, nanos: 3 * COST } });
  });
});

test('what a tenant says of it wins over its model, and a model over the rest', async () => {
  await askAndHangUp(gateway, IMAGES, images({ user: 'flash' }));
  await expect.poll(() => rowsOf('flash')).toEqual({ 'settled ok': { count: 1, nanos: COST } });
  keepAloft(gateway.simulator);
  await askAndHangUp(gateway, IMAGES, images({ user: 'pro', model: 'gemini-3-pro-image', image_size: '2K' }));
  await expect.poll(() => rowsOf('pro')).toEqual({ 'settled unknown': { count: 1, nanos: COST } });
});

test('a tenant whose clients leave many pictures behind gets no new ones until these have landed; others do, and so do those who come back', async () => {
  const land = keepAloft(gateway.simulator);
  const left = [1, 2, 3].map((seed) => images({ seed }));
  for (const body of left) await askAndHangUp(gateway, IMAGES, body);
  expect(await scraped(gateway, 'plantain_singleflight_detached')).toBe(3);

  const refused = await gateway.post(IMAGES, images({ seed: 4 }));
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect((await bodyOf<OpenAIError>(refused)).error.message).toMatch(/^3 pictures are being drawn .* nobody waits for/);
  const back = left.map((body) => gateway.post(IMAGES, body));
  land();
  expect((await gateway.post(IMAGES, images({ seed: 4 }), OTHER)).status).toBe(200);
  expect((await Promise.all(back)).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await gateway.post(IMAGES, images({ seed: 4 }))).status).toBe(200);
  expect(callsOf()).toHaveLength(5);
  expect(await scraped(gateway, 'plantain_singleflight_detached')).toBe(0);
});

/** One caller: whose tenant cancels or finishes, how many pictures, seeded or not, and when it hangs up; null: never. */
const caller = fc.record({
  cancels: fc.boolean(),
  n: fc.integer({ min: 1, max: 3 }),
  seed: fc.option(fc.integer({ min: 1, max: 2 })),
  afterMs: fc.option(fc.integer({ min: 0, max: 120 })),
});

test('whoever hangs up whenever, the ledger is the bill but for what is marked unknown, and nothing stays held', async () => {
  gateway.simulator.settings.latencyMs = 60;
  let round = 0;
  const history = fc.asyncProperty(fc.array(caller, { minLength: 1, maxLength: 8 }), async (callers) => {
    const text = `${prompt} ${(round += 1)}`;
    await Promise.all(
      callers.map(async ({ cancels, n, seed, afterMs }) => {
        const gone = new AbortController();
        if (afterMs !== null) void sleep(afterMs).then(() => gone.abort());
        const body = images({ prompt: text, user: text, n, ...(seed !== null && { seed }) });
        await askUntil(gone.signal, body, cancels ? OTHER_KEY : KEY);
      }),
    );
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_flights')).toBe(0);
    await expect.poll(() => Object.keys(rowsOf(text)).filter((row) => row.startsWith('held'))).toEqual([]);
    // The vendor draws what was broken off, and bills it.
    const unbilled = (): number => {
      const billed = new Set(gateway.simulator.bill.entries.map(({ call }) => call));
      return callsOf(text).filter((call) => !billed.has(call)).length;
    };
    await expect.poll(unbilled).toBe(0);

    const rows = rowsOf(text);
    const known = rows['settled ok']?.nanos ?? 0;
    const unknown = rows['settled unknown']?.nanos ?? 0;
    expect(Object.keys(rows).toSorted()).toEqual(
      Object.keys(rows)
        .filter((row) => ['settled ok', 'settled unknown', 'released released'].includes(row))
        .toSorted(),
    );
    expect(billedFor(text)).toBeGreaterThanOrEqual(known);
    expect(billedFor(text)).toBeLessThanOrEqual(known + unknown);
    if (!callers.some(({ cancels, afterMs }) => cancels && afterMs !== null)) expect(unknown).toBe(0);
  });
  await fc.assert(history, { numRuns: LONG ? 300 : 25, endOnFailure: !LONG });
}, 120_000);
