import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { askAndHangUp } from '../support/hang-up.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, ImagesReply, NativeReply, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
/** What a picture costs in these stories. */
const PICTURE_NANOS = 50_000_000;
/** Each of them is drawn, and that takes the test's own processor. */
const UNSEEDED = process.env.PLANTAIN_TEST_LONG ? 200 : 50;
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };

// The smallest pictures there are: drawing them takes the test's own processor.
const native = (prompt: string, seed?: number) => ({
  contents: [{ parts: [{ text: prompt }] }],
  generationConfig: {
    responseModalities: ['IMAGE'],
    imageConfig: { imageSize: '512' },
    ...(seed !== undefined && { seed }),
  },
});
const images = (prompt: string, seed?: number, n = 1) => ({
  prompt,
  image_size: '512',
  n,
  ...(seed !== undefined && { seed }),
});

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    config: {
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }] },
      ],
    },
  });
});
afterAll(() => gateway.close());

let prompt = '';
let spentBefore = 0;
beforeEach(async ({ task }) => {
  prompt = task.name;
  spentBefore = await spentNanos(gateway);
  gateway.simulator.clearRules();
  gateway.simulator.settings.latencyMs = 300;
});

const callsOf = (text: string): number => {
  const digest = createHash('sha256').update(text).digest('hex');
  return gateway.simulator.calls.filter(({ promptDigest }) => promptDigest === digest).length;
};
const picturesPaid = async (): Promise<number> => ((await spentNanos(gateway)) - spentBefore) / PICTURE_NANOS;

async function pictureOf(reply: Response): Promise<string> {
  expect(reply.status).toBe(200);
  const body = await bodyOf<ImagesReply | NativeReply>(reply);
  if ('data' in body) return body.data[0]!.b64_json;
  return body.candidates[0]!.content.parts.find(({ inlineData }) => inlineData)!.inlineData!.data;
}

describe('requests that are the same', () => {
  const askBothWays = (count: number, seed?: number): Promise<Response[]> =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        index % 2 === 0 ? gateway.post(IMAGES, images(prompt, seed)) : gateway.post(NATIVE, native(prompt, seed)),
      ),
    );

  test('200 seeded ones at once, half through each dialect, are one call, one charge and 200 equal pictures', async () => {
    gateway.simulator.settings.latencyMs = 1500;
    const billed = gateway.simulator.bill.totalPictures;
    const replies = await askBothWays(200, 7);
    expect(new Set(await Promise.all(replies.map(pictureOf))).size).toBe(1);
    expect(callsOf(prompt)).toBe(1);
    expect(gateway.simulator.bill.totalPictures - billed).toBe(1);
    expect(await picturesPaid()).toBe(1);

    const statuses = replies.map(({ headers }) => headers.get('cache-status') ?? '');
    expect(statuses.filter((status) => status.startsWith('Plantain; fwd=miss; stored; key='))).toHaveLength(1);
    // On a slow machine the last of them come when the picture is there already.
    expect(statuses.filter((status) => /; stored; collapsed;|; hit;/.test(status))).toHaveLength(199);
    const collapsed = statuses.filter((status) => status.includes('; collapsed;')).length;
    expect(collapsed).toBeGreaterThan(0);
    expect(await scraped(gateway, 'plantain_cache_requests_total', { result: 'collapsed' })).toBe(collapsed);
    const costs = replies.map(({ headers }) => headers.get('x-plantain-cost-usd') ?? '').toSorted();
    expect(costs).toEqual([...Array<string>(199).fill('0'), '0.05']);
    expect(await scraped(gateway, 'plantain_singleflight_waiters')).toBe(0);
    // What 199 callers did not pay, nor have drawn for the second and a half that it took.
    const of = { tenant: 'acme' };
    expect(await scraped(gateway, 'plantain_saved_usd_total', of)).toBeCloseTo(199 * 0.05, 6);
    expect(await scraped(gateway, 'plantain_saved_seconds_total', of)).toBeGreaterThan(199 * 1.4);
  });

  test(`${UNSEEDED} without a seed at once are as many calls and charges: nobody shares by accident`, async () => {
    const replies = await askBothWays(UNSEEDED);
    expect(new Set(await Promise.all(replies.map(pictureOf))).size).toBe(UNSEEDED);
    expect(callsOf(prompt)).toBe(UNSEEDED);
    expect(await picturesPaid()).toBe(UNSEEDED);
  });

  test('two tenants are never aboard the same flight', async () => {
    await Promise.all([gateway.post(IMAGES, images(prompt, 7)), gateway.post(IMAGES, images(prompt, 7), OTHER)]);
    expect(callsOf(prompt)).toBe(2);
  });

  test('a failure is shared by all who are aboard, and by nobody who comes later', async () => {
    gateway.simulator.rule({ fault: 'overloaded', times: 1 });
    const land = keepAloft(gateway.simulator);
    const asked = askBothWays(10, 7);
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_waiters')).toBe(9);
    land();
    const aboard = await asked;
    expect(aboard.map(({ status }) => status)).toEqual(Array(10).fill(503));
    expect(callsOf(prompt)).toBe(1);
    expect((await gateway.post(IMAGES, images(prompt, 7))).status).toBe(200);
    expect(callsOf(prompt)).toBe(2);
  });
});

describe('a caller that leaves and comes back', () => {
  const noCache = { 'cache-control': 'no-cache' };
  const maxAge = { 'cache-control': 'max-age=60' };

  test.each([
    { kind: 'seeded', path: IMAGES, body: images, seed: 3, headers: {} },
    { kind: 'unseeded', path: IMAGES, body: images, seed: undefined, headers: {} },
    { kind: 'seeded, native', path: NATIVE, body: native, seed: 3, headers: {} },
    { kind: 'unseeded, native', path: NATIVE, body: native, seed: undefined, headers: {} },
    { kind: 'no-cache', path: IMAGES, body: images, seed: 3, headers: noCache },
    { kind: 'max-age', path: IMAGES, body: images, seed: undefined, headers: maxAge },
  ])('gets its picture without a second call: $kind', async ({ path, body, seed, headers }) => {
    const inTheAir = body(`${prompt}, in the air`, seed);
    await askAndHangUp(gateway, path, inTheAir, { headers });
    const reply = await gateway.post(path, inTheAir, headers);
    await pictureOf(reply);
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(callsOf(`${prompt}, in the air`)).toBe(1);
    expect(await picturesPaid()).toBe(1);

    const landed = body(`${prompt}, landed`, seed);
    await askAndHangUp(gateway, path, landed, { headers });
    await expect.poll(picturesPaid).toBe(2);
    await pictureOf(await gateway.post(path, landed, headers));
    expect(callsOf(`${prompt}, landed`)).toBe(1);
  });

  test('gets all of several pictures without another call', async () => {
    await askAndHangUp(gateway, IMAGES, images(prompt, undefined, 3), { calls: 3 });
    const reply = await gateway.post(IMAGES, images(prompt, undefined, 3));
    const { data } = await bodyOf<ImagesReply>(reply);
    expect(new Set(data.map(({ b64_json }) => b64_json)).size).toBe(3);
    expect(callsOf(prompt)).toBe(3);
    expect(await picturesPaid()).toBe(3);
  });

  test('one picture left behind serves one caller: the next one has its own drawn', async () => {
    await askAndHangUp(gateway, IMAGES, images(prompt));
    const [first, second] = await Promise.all([1, 2].map(() => gateway.post(IMAGES, images(prompt))));
    expect(await pictureOf(first!)).not.toBe(await pictureOf(second!));
    expect(callsOf(prompt)).toBe(2);
  });

  test('two workers who asked the same without a seed, left, and came back, get two pictures of two calls', async () => {
    await askAndHangUp(gateway, IMAGES, images(prompt), { callers: 2 });
    const replies = await Promise.all([1, 2].map(() => gateway.post(IMAGES, images(prompt))));
    expect(new Set(await Promise.all(replies.map(pictureOf))).size).toBe(2);
    expect(callsOf(prompt)).toBe(2);
    expect(await picturesPaid()).toBe(2);
  });

  test('what was left behind is for no other tenant and for no other request', async () => {
    await askAndHangUp(gateway, IMAGES, images(prompt));
    await gateway.post(IMAGES, images(prompt), OTHER);
    expect(callsOf(prompt)).toBe(2);
    await gateway.post(IMAGES, images(`${prompt}.`));
    expect(callsOf(`${prompt}.`)).toBe(1);
  });

  test('takes nothing from those who wait with it', async () => {
    const leaving = askAndHangUp(gateway, IMAGES, images(prompt, 3));
    await expect.poll(() => callsOf(prompt)).toBe(1);
    const joined = gateway.post(NATIVE, native(prompt, 3));
    await leaving;
    await pictureOf(await joined);
    expect(callsOf(prompt)).toBe(1);
  });

  test('with no-store it neither joins nor leaves anything behind', async () => {
    const headers = { 'cache-control': 'no-store' };
    await Promise.all([
      gateway.post(IMAGES, images(prompt, 3), headers),
      gateway.post(IMAGES, images(prompt, 3), headers),
      gateway.post(IMAGES, images(prompt, 3)),
    ]);
    expect(callsOf(prompt)).toBe(3);
    await askAndHangUp(gateway, IMAGES, images(prompt), { headers });
    await gateway.post(IMAGES, images(prompt), headers);
    await gateway.post(IMAGES, images(prompt));
    expect(callsOf(prompt)).toBe(6);
  });
});

describe('several pictures of one request', () => {
  test('when one of three fails, two come with a warning that says so', async () => {
    gateway.simulator.rule({ fault: 'overloaded', times: 1 });
    const reply = await gateway.post(IMAGES, images(prompt, 1, 3));
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-plantain-warning')).toMatch(/^1 of 3 pictures failed \(upstream_busy\)/);
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.1');
    expect((await bodyOf<ImagesReply>(reply)).data).toHaveLength(2);
    const again = await gateway.post(IMAGES, images(prompt, 1, 3));
    expect((await bodyOf<ImagesReply>(again)).data).toHaveLength(3);
    expect(callsOf(prompt)).toBe(4);
  });

  test('when all fail, the first failure is the answer', async () => {
    gateway.simulator.rule({ fault: 'overloaded' });
    const reply = await gateway.post(IMAGES, images(prompt, 1, 3));
    expect(reply.status).toBe(503);
    expect((await bodyOf<OpenAIError>(reply)).error).toMatchObject({ type: 'server_error', code: 'upstream_capacity' });
    expect(await picturesPaid()).toBe(0);
  });

  test('what another request already draws is joined, and only the rest is drawn and paid', async () => {
    const [two, three] = await Promise.all([
      gateway.post(IMAGES, images(prompt, 1, 2)),
      gateway.post(IMAGES, images(prompt, 1, 3)),
    ]);
    expect((await bodyOf<ImagesReply>(two)).data).toEqual((await bodyOf<ImagesReply>(three)).data.slice(0, 2));
    expect(callsOf(prompt)).toBe(3);
    expect(await picturesPaid()).toBe(3);
  });
});

describe('a caller that waited as long as it is answered within', () => {
  test.each([
    ['seeded', 3],
    ['unseeded', undefined],
  ])('is told 504, may come back, and collects without a second call: %s', async (_kind, seed) => {
    const impatient = await startGateway({
      simulator: { signatureBytes: 64 },
      upstream: { answerWithinMs: { '512': 150, '1K': 20_000 } },
    });
    const land = keepAloft(impatient.simulator);
    try {
      const late = await impatient.post(IMAGES, images(prompt, seed));
      expect(late.status).toBe(504);
      expect(late.headers.get('retry-after')).toBe('5');
      expect(late.headers.get('x-should-retry')).toBe('true');
      expect((await bodyOf<OpenAIError>(late)).error.message).toMatch(/not drawn twice/);
      const lateAgain = await impatient.post(NATIVE, native(prompt, seed));
      expect(lateAgain.status).toBe(504);
      expect((await bodyOf<GoogleError>(lateAgain)).error).toMatchObject({
        code: 504,
        status: 'DEADLINE_EXCEEDED',
        details: expect.arrayContaining([expect.objectContaining({ retryDelay: '5s' })]),
      });
      land();
      await expect.poll(() => spentNanos(impatient)).toBe(PICTURE_NANOS);
      await pictureOf(await impatient.post(IMAGES, images(prompt, seed)));
      expect(impatient.simulator.calls).toHaveLength(1);
    } finally {
      await impatient.close();
    }
  });
});

describe('a flight and the budgets of those aboard', () => {
  test("a leader's empty budget is its own trouble: the next one leads, and pays", async () => {
    const budgets = [{ limitUsd: 0.01, per: 'day' }];
    const house = await startGateway({
      simulator: { latencyMs: 100, signatureBytes: 64 },
      config: {
        tenants: [
          { id: 'poor', keys: [{ key: OTHER_KEY }], budgets, cache: { scope: 'house' } },
          { id: 'rich', keys: [{ key: KEY }], cache: { scope: 'house' } },
        ],
      },
    });
    try {
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, index) => house.post(IMAGES, images(prompt, 2), index % 2 === 0 ? OTHER : {})),
      );
      const [poor, rich] = [0, 1].map((rest) => replies.filter((_, index) => index % 2 === rest));
      expect(new Set(await Promise.all(rich!.map(pictureOf))).size).toBe(1);
      expect(house.simulator.calls).toHaveLength(1);
      expect(await spentNanos(house, 'rich')).toBe(PICTURE_NANOS);
      expect(await spentNanos(house, 'poor')).toBe(0);
      // The poor are served by those who lead, or refused where they would have had to pay.
      for (const { status } of poor!) expect([200, 429]).toContain(status);
      const alone = await house.post(IMAGES, images(prompt, 4), OTHER);
      expect([alone.status, alone.headers.get('x-should-retry')]).toEqual([429, 'false']);
      const hit = await house.post(IMAGES, images(prompt, 2), OTHER);
      expect(hit.headers.get('cache-status')).toMatch(/hit/);
    } finally {
      await house.close();
    }
  });
});
