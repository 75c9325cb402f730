import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
const PICTURE_NANOS = 50_000_000;

// The smallest pictures there are: drawing them takes the test's own processor.
const images = (prompt: string, more: object = {}) => ({ prompt, image_size: '512', seed: 3, ...more });
const native = (prompt: string, config: object = {}) => ({
  contents: [{ parts: [{ text: prompt }] }],
  generationConfig: { responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' }, seed: 3, ...config },
});

type Ask = (gateway: TestGateway, prompt: string) => Promise<Response>;

/** One meaning, as callers spell it. */
const SPELLINGS: readonly Ask[] = [
  ({ post }, prompt) => post(IMAGES, images(prompt)),
  ({ post }, prompt) => post(IMAGES, images(prompt, { n: 1, model: 'gemini-3.1-flash-image-preview', user: 'mia' })),
  ({ post }, prompt) => post(IMAGES, { seed: 3, extra_body: { google: { image_size: '512' } }, prompt }),
  ({ post }, prompt) => post(IMAGES, images(prompt, { size: 'auto' }), { 'x-plantain-tags': 'team=web' }),
  ({ post }, prompt) => post(NATIVE, native(prompt)),
  ({ post }, prompt) => post(NATIVE, native(prompt, { temperature: 1, candidateCount: 1, topP: 0.95 })),
  ({ post }, prompt) =>
    post(NATIVE.replace('flash-image:', 'flash-image-preview:'), {
      generation_config: { seed: 3, image_config: { image_size: '512' }, response_modalities: ['IMAGE'] },
      contents: [{ role: 'user', parts: [{ text: prompt }] }],
    }),
];

async function pictureOf(reply: Response): Promise<string> {
  expect(reply.status).toBe(200);
  const body = (await reply.json()) as Partial<ImagesReply & NativeReply>;
  const data =
    body.data?.[0]?.b64_json ?? body.candidates?.[0]?.content.parts.find((part) => part.inlineData)?.inlineData?.data;
  if (data === undefined) throw new Error('no picture in the answer');
  return data;
}

withRedis('two gateways with one cache in Redis', () => {
  let server: RedisServer;
  let one: TestGateway;
  let two: TestGateway;
  const tenants = [
    { id: 'acme', keys: [{ key: KEY }] },
    { id: 'globex', keys: [{ key: OTHER_KEY }] },
  ];
  const startPair = async (more: object = {}): Promise<readonly [TestGateway, TestGateway]> => {
    const config = { cache: { store: server.url }, tenants, ...more };
    const first = await startGateway({ config, simulator: { signatureBytes: 64 } });
    const second = await startGateway({ config, upstream: { baseUrl: first.simulator.url } });
    return [first, second];
  };
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
    [one, two] = await startPair();
  });
  afterAll(async () => {
    await two.close();
    await one.close();
    await server.close();
  });
  let prompt = '';
  beforeEach(({ task }) => {
    prompt = task.name;
    one.simulator.clearRules();
    one.simulator.settings.latencyMs = 400;
  });
  const callsOf = (text: string, { simulator } = one): number => {
    const digest = createHash('sha256').update(text).digest('hex');
    return simulator.calls.filter(({ promptDigest }) => promptDigest === digest).length;
  };
  const calls = (count: number): Promise<unknown> => expect.poll(() => callsOf(prompt)).toBe(count);
  const aboard = (gateway: TestGateway, flights: number, waiters = 0): Promise<unknown> =>
    expect
      .poll(() => Promise.all(['flights', 'waiters'].map((what) => scraped(gateway, `plantain_singleflight_${what}`))))
      .toEqual([flights, waiters]);
  const spentOf = async (tenant: string): Promise<number> =>
    (await spentNanos(one, tenant)) + (await spentNanos(two, tenant));

  test('the same picture, asked for in every dialect and spelling in any order on both, is drawn once and paid once', async () => {
    const before = await spentOf('acme');
    const asks = Array.from({ length: 4 }, () => SPELLINGS).flat();
    const shuffled = asks.map((ask) => ({ ask, at: Math.random() })).toSorted((a, b) => a.at - b.at);
    const replies = await Promise.all(shuffled.map(({ ask }, index) => ask(index % 2 === 0 ? one : two, prompt)));
    const costs = replies.map(({ headers }) => Number(headers.get('x-plantain-cost-usd')));
    expect(new Set(await Promise.all(replies.map(pictureOf))).size).toBe(1);
    expect(callsOf(prompt)).toBe(1);
    expect(Math.max(...costs)).toBe(0.05);
    expect(costs.filter((cost) => cost > 0)).toHaveLength(1);
    expect((await spentOf('acme')) - before).toBe(PICTURE_NANOS);
  });

  test('who waited for the other instance is told so, and counted', async () => {
    const land = keepAloft(one.simulator);
    const first = one.post(IMAGES, images(prompt));
    await calls(1);
    const joins = await scraped(two, 'plantain_joined_total', { where: 'instance' });
    const waiting = Promise.all([two.post(IMAGES, images(prompt)), two.post(IMAGES, images(prompt))]);
    await aboard(two, 1, 1);
    land();
    const [second, third] = await waiting;
    for (const reply of [second, third]) {
      expect(reply.headers.get('cache-status')).toMatch(/^Plantain; fwd=miss; stored; collapsed/);
      expect(reply.headers.get('x-plantain-cost-usd')).toBe('0');
    }
    expect(await pictureOf(second)).toBe(await pictureOf(await first));
    expect(await pictureOf(await two.post(IMAGES, images(prompt)))).toBe(await pictureOf(third));
    expect(await scraped(two, 'plantain_joined_total', { where: 'instance' })).toBe(joins + 2);
    expect(callsOf(prompt)).toBe(1);
  });

  test('of several pictures in one request, what another instance draws does not hold up the rest', async () => {
    const land = keepAloft(one.simulator);
    const first = one.post(IMAGES, images(prompt));
    await calls(1);
    const three = two.post(IMAGES, images(prompt, { n: 3 }));
    await calls(3);
    await aboard(two, 3);
    land();
    const pictures = (await bodyOf<ImagesReply>(await three)).data.map(({ b64_json }) => b64_json);
    expect(pictures[0]).toBe(await pictureOf(await first));
    expect(new Set(pictures).size).toBe(3);
    expect(callsOf(prompt)).toBe(3);
  });

  test('two tenants never wait for each other, whatever they ask', async () => {
    const land = keepAloft(one.simulator);
    const mine = one.post(IMAGES, images(prompt));
    await calls(1);
    const theirs = two.post(IMAGES, images(prompt), OTHER);
    await calls(2);
    land();
    expect((await theirs).headers.get('cache-status')).toMatch(/^Plantain; fwd=miss; stored/);
    await pictureOf(await mine);
  });

  test('who waits for the other instance may hang up, and has the picture when it comes back', async () => {
    const land = keepAloft(one.simulator);
    const first = one.post(IMAGES, images(prompt));
    await calls(1);
    const hangUp = new AbortController();
    const second = fetch(`${two.url}${IMAGES}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(images(prompt)),
      signal: hangUp.signal,
    });
    await aboard(two, 1);
    hangUp.abort();
    await expect(second).rejects.toThrow();
    await aboard(two, 0);
    land();
    const picture = await pictureOf(await first);
    expect(await pictureOf(await two.post(IMAGES, images(prompt)))).toBe(picture);
    expect(callsOf(prompt)).toBe(1);
  });

  test('whose only caller hangs up, and would have it cancelled, is drawn to its end for who waits on the other, and paid once', async () => {
    const [here, there] = await startPair({ cache: { store: server.url, onDisconnect: 'cancel' } });
    onTestFinished(async () => {
      await there.close();
      await here.close();
    });
    const land = keepAloft(here.simulator);
    const hangUp = new AbortController();
    const first = fetch(`${here.url}${IMAGES}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(images(prompt)),
      signal: hangUp.signal,
    });
    await expect.poll(() => callsOf(prompt, here)).toBe(1);
    const second = there.post(IMAGES, images(prompt));
    await aboard(there, 1);
    // It waits once it has said so in Redis.
    await expect
      .poll(async () => {
        const leases = (await server.cli('KEYS', '*:lease:*')).split('\n').filter((key) => key !== '');
        return Promise.all(leases.map((key) => server.cli('HMGET', key, 's', 'w')));
      })
      .toContain('held\n1');
    hangUp.abort();
    await expect(first).rejects.toThrow();
    await expect.poll(() => scraped(here, 'plantain_singleflight_detached')).toBe(1);
    land();
    await pictureOf(await second);
    expect(callsOf(prompt, here)).toBe(1);
    expect((await spentNanos(here, 'acme')) + (await spentNanos(there, 'acme'))).toBe(PICTURE_NANOS);
  });

  test('a failure is told once to those who wait, on both, and to nobody later', async () => {
    one.simulator.rule({ fault: 'no-image', times: 1 });
    const land = keepAloft(one.simulator);
    const first = one.post(IMAGES, images(prompt));
    await calls(1);
    const second = two.post(IMAGES, images(prompt));
    await aboard(two, 1);
    land();
    const replies = await Promise.all([first, second]);
    for (const reply of replies) {
      expect(reply.status).toBe(422);
      expect((await bodyOf<OpenAIError>(reply)).error.code).toBe('no_image');
    }
    expect(replies.map(({ headers }) => Number(headers.get('x-plantain-cost-usd') ?? 0))[1]).toBe(0);
    expect(callsOf(prompt)).toBe(1);
    expect((await two.post(IMAGES, images(prompt))).status).toBe(200);
  });

  test('one who wants no stored answer joins what the other instance is drawing, and draws anew after that', async () => {
    const anew = { 'cache-control': 'no-cache' };
    // Pictures of one seed are equal, whoever asks: the signature beside them tells which call they came from.
    const signatureOf = async (reply: Response): Promise<number | undefined> =>
      (await bodyOf<NativeReply>(reply)).candidates[0]!.content.parts.find((part) => part.thoughtSignature)
        ?.thoughtSignature?.length;
    const { settings } = one.simulator;
    onTestFinished(() => void (settings.signatureBytes = 64));
    // Both have the first in memory.
    for (const gateway of [one, two]) expect(await signatureOf(await gateway.post(NATIVE, native(prompt)))).toBe(64);
    settings.signatureBytes = 3_000;
    const land = keepAloft(one.simulator);
    const first = one.post(NATIVE, native(prompt), anew);
    await calls(2);
    const second = two.post(NATIVE, native(prompt), anew);
    await aboard(two, 1);
    land();
    expect(await signatureOf(await second)).toBe(3_000);
    expect(await signatureOf(await first)).toBe(3_000);
    expect(callsOf(prompt)).toBe(2);
    await two.post(NATIVE, native(prompt), anew);
    expect(callsOf(prompt)).toBe(3);
  });

  test('concurrent requests under one Idempotency-Key are one on both; another body under it is refused', async () => {
    const ask = (gateway: TestGateway, text: string): Promise<Response> =>
      gateway.post(IMAGES, { prompt: text, image_size: '512' }, { 'idempotency-key': 'together' });
    const first = ask(one, prompt);
    await calls(1);
    const others = await Promise.all([ask(two, prompt), ask(two, prompt), ask(one, prompt)]);
    expect((await ask(two, 'something else')).status).toBe(422);
    const picture = await pictureOf(await first);
    for (const reply of others) expect(await pictureOf(reply)).toBe(picture);
    expect(callsOf(prompt)).toBe(1);
  });

  test('what is not repeatable takes no lease', async () => {
    one.simulator.settings.latencyMs = 0;
    await Promise.all([one, two].map(({ post }) => post(IMAGES, { prompt, image_size: '512' })));
    expect(callsOf(prompt)).toBe(2);
  });

  test('what does not fit into the shared store is drawn once by each', async () => {
    const small = { cache: { store: server.url, redisBytes: 1_048_576, memoryBytes: 67_108_864 } };
    const [here, there] = await startPair(small);
    onTestFinished(async () => {
      await there.close();
      await here.close();
    });
    here.simulator.settings.signatureBytes = 800_000;
    const land = keepAloft(here.simulator);
    const first = here.post(NATIVE, native(prompt));
    await expect.poll(() => callsOf(prompt, here)).toBe(1);
    const others = Array.from({ length: 5 }, () => there.post(NATIVE, native(prompt)));
    await aboard(there, 1, 4);
    land();
    for (const reply of await Promise.all([first, ...others])) await pictureOf(reply);
    expect(callsOf(prompt, here)).toBe(2);
    expect(await scraped(there, 'plantain_lease_troubles_total', { trouble: 'unkept' })).toBe(1);
  });

  describe('with a scope that two tenants share', () => {
    test('a leader’s empty budget is its own trouble: the other tenant, on the other instance, gets its picture', async () => {
      const budgets = [{ limitUsd: 0.01, per: 'day' }];
      const [here, there] = await startPair({
        tenants: [
          { id: 'poor', keys: [{ key: OTHER_KEY }], budgets, cache: { scope: 'house' } },
          { id: 'rich', keys: [{ key: KEY }], cache: { scope: 'house' } },
        ],
      });
      onTestFinished(async () => {
        await there.close();
        await here.close();
      });
      here.simulator.settings.latencyMs = 300;
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          index % 2 === 0 ? here.post(IMAGES, images(prompt), OTHER) : there.post(IMAGES, images(prompt)),
        ),
      );
      const [poor, rich] = [0, 1].map((rest) => replies.filter((_, index) => index % 2 === rest));
      expect(new Set(await Promise.all(rich!.map(pictureOf))).size).toBe(1);
      expect(callsOf(prompt, here)).toBe(1);
      // The poor are served, or refused where they would have had to pay.
      for (const { status } of poor!) expect([200, 429]).toContain(status);
      expect(await spentNanos(there, 'rich')).toBe(PICTURE_NANOS);
      expect(await spentNanos(here, 'poor')).toBe(0);
    });
  });
});
