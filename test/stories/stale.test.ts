import { describe, expect, onTestFinished, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { eventsIn } from '../support/events.ts';
import { OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { collected, LATER } from '../support/tasks.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const FOX = { prompt: 'a fox in snow', image_size: '512', seed: 7 };
const TTL = 100;
const GRACE = 1_000;
/** The same picture in every dialect, as its caller asks for it and gets it. */
const DIALECTS: readonly (readonly [string, string, object])[] = [
  ['images', IMAGES, FOX],
  [
    'chat',
    '/v1/chat/completions',
    {
      model: 'gemini-3.1-flash-image',
      messages: [{ role: 'user', content: FOX.prompt }],
      modalities: ['image'],
      image_size: '512',
      seed: 7,
    },
  ],
  [
    'Claude',
    '/v1/messages',
    {
      model: 'gemini-3.1-flash-image',
      max_tokens: 4_096,
      messages: [{ role: 'user', content: FOX.prompt }],
      response_modalities: ['IMAGE'],
      image_size: '512',
      seed: 7,
    },
  ],
  [
    'Gemini',
    '/v1beta/models/gemini-3.1-flash-image:generateContent',
    {
      contents: [{ parts: [{ text: FOX.prompt }] }],
      generationConfig: { responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' }, seed: 7 },
    },
  ],
];

interface House {
  readonly gateway: TestGateway;
  readonly clock: { seconds: number };
  /** From now on the upstream does nothing else. */
  readonly down: (fault?: Fault) => void;
}

async function start(options: TestGatewayOptions = {}): Promise<House> {
  const clock = { seconds: 0 };
  const startedAt = Date.now();
  const cache = { ttlSeconds: TTL, staleIfErrorSeconds: GRACE, ...(options.config?.['cache'] as object) };
  const gateway = await startGateway({
    ...options,
    now: () => startedAt + clock.seconds * 1000,
    config: { ...options.config, cache },
  });
  onTestFinished(gateway.close);
  return { gateway, clock, down: (fault = 'overloaded') => gateway.simulator.rule({ fault }) };
}

const post = (gateway: TestGateway, cacheControl?: string, body: object = FOX) =>
  gateway.post(IMAGES, body, cacheControl === undefined ? {} : { 'cache-control': cacheControl });
const statusOf = (reply: Response): string | null => reply.headers.get('cache-status');
const pictureOf = async (reply: Response): Promise<string> => (await bodyOf<ImagesReply>(reply)).data[0]!.b64_json;

describe('while nobody can draw', () => {
  test('a picture past its time is answered, marked as such, for nothing', async () => {
    const { gateway, clock, down } = await start();
    const first = await pictureOf(await post(gateway));
    const spent = await spentNanos(gateway);
    clock.seconds = 150;
    down();
    const reply = await post(gateway);
    expect(reply.status).toBe(200);
    expect(statusOf(reply)).toMatch(/^Plantain; hit; ttl=-50; detail="stale-if-error"; key="/);
    expect(reply.headers.get('age')).toBe('150');
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(reply.headers.get('x-plantain-warning')).toBe(
      'Nobody could draw this picture just now (upstream_busy): it is one from before; 50 seconds past its time',
    );
    expect(await pictureOf(reply)).toBe(first);
    expect(await spentNanos(gateway)).toBe(spent);
    expect(await scraped(gateway, 'plantain_stale_served_total', { failure: 'upstream_busy' })).toBe(1);
    expect(gateway.logged()).toMatch(/"outcome":"cached".*"insteadOf":"upstream_busy"/);
  });

  test.each(DIALECTS)('the one in %s too, whole', async (_dialect, path, body) => {
    const { gateway, clock, down } = await start();
    const first = await (await gateway.post(path, body)).text();
    clock.seconds = 150;
    down();
    const reply = await gateway.post(path, body);
    expect([reply.status, statusOf(reply)?.slice(0, 24)]).toEqual([200, 'Plantain; hit; ttl=-50; ']);
    expect((await reply.text()).length).toBeGreaterThan(first.length / 2);
  });

  test('one entry stands in for callers of every dialect', async () => {
    const { gateway, clock, down } = await start();
    await post(gateway);
    clock.seconds = 150;
    down();
    for (const [, path, body] of DIALECTS) expect((await gateway.post(path, body)).status).toBe(200);
  });

  test('a stream tells it as its answer, and a task keeps it', async () => {
    const { gateway, clock, down } = await start();
    const first = await pictureOf(await post(gateway));
    clock.seconds = 150;
    down();
    const streamed = await post(gateway, undefined, { ...FOX, stream: true });
    expect(statusOf(streamed)).toContain('stale-if-error');
    const told = eventsIn(await streamed.text()).at(-1);
    expect([told?.data.type, told?.data.b64_json]).toEqual(['image_generation.completed', first]);
    const task = await gateway.post(IMAGES, FOX, LATER);
    // Found before its caller was told to come back, it is the answer itself.
    const location = task.headers.get('location');
    const answer = location === null ? await bodyOf<ImagesReply>(task) : await collected(gateway, location);
    expect(answer.data[0]!.b64_json).toBe(first);
  });

  test.each<Fault>([
    'overloaded',
    'internal',
    'rate-limit',
    'daily-quota',
    'unauthorized',
    'model-gone',
    'deadline',
    'bad-gateway-html',
    'hangup',
    'truncate-length',
    'bad-json',
  ])('whatever it does instead: %s', async (fault) => {
    const { gateway, clock, down } = await start();
    await post(gateway);
    clock.seconds = 150;
    down(fault);
    const reply = await post(gateway);
    expect([reply.status, statusOf(reply)?.slice(0, 24)]).toEqual([200, 'Plantain; hit; ttl=-50; ']);
  });

  test('what the failed call may have cost is charged, and said', async () => {
    const { gateway, clock, down } = await start();
    await post(gateway);
    clock.seconds = 150;
    down('hangup');
    const reply = await post(gateway);
    expect([reply.status, reply.headers.get('x-plantain-cost-usd')]).toEqual([200, '0.05']);
    expect(await spentNanos(gateway)).toBe(100_000_000);
  });

  test('all who wait for it get it, each as it accepts it', async () => {
    const { gateway, clock, down } = await start();
    await post(gateway);
    clock.seconds = 150;
    down();
    const asked = [undefined, 'stale-if-error=49', 'stale-if-error=51', 'max-age=149', 'max-age=150', 'no-cache'];
    const replies = await Promise.all(asked.map((directive) => post(gateway, directive)));
    expect(replies.map(({ status }) => status)).toEqual([200, 503, 200, 503, 200, 503]);
  });
});

describe('a picture past its time is not answered', () => {
  const spoilt = async (cacheControl: string | undefined, seconds = 150, body: object = FOX): Promise<number> => {
    const { gateway, clock, down } = await start();
    await post(gateway, undefined, body);
    clock.seconds = seconds;
    down();
    return (await post(gateway, cacheControl, body)).status;
  };

  test.each([
    ['no-store', 503],
    ['no-cache', 503],
    ['max-age=60', 503],
    ['stale-if-error=0', 503],
    ['stale-if-error=10', 503],
    ['only-if-cached', 504],
  ])('under %s', async (directive, status) => {
    expect(await spoilt(directive)).toBe(status);
  });

  test('beyond what is configured, whatever the caller would take', async () => {
    expect(await spoilt('stale-if-error=99999', TTL + GRACE)).toBe(503);
    expect(await spoilt('stale-if-error=99999', TTL + GRACE - 1)).toBe(200);
  });

  test('to a request that nothing is kept for', async () => {
    expect(await spoilt(undefined, 150, { prompt: 'a fox', image_size: '512' })).toBe(503);
  });

  test('where it is not asked for in the configuration', async () => {
    const { gateway, clock, down } = await start({ config: { cache: { staleIfErrorSeconds: 0 } } });
    await post(gateway);
    clock.seconds = 101;
    down();
    expect((await post(gateway, 'stale-if-error=1000')).status).toBe(503);
  });

  test('while the upstream draws: it is drawn anew, and the new one is kept', async () => {
    const { gateway, clock } = await start();
    await post(gateway);
    clock.seconds = 150;
    expect(statusOf(await post(gateway))).toContain('fwd=miss; stored');
    expect(statusOf(await post(gateway))).toContain('hit; ttl=100; key=');
  });

  test.each<[Fault, number]>([
    ['blocked-safety', 400],
    ['image-safety', 400],
    ['no-image', 422],
    ['too-large', 413],
    ['broken-picture', 502],
  ])('for what is no outage: %s', async (fault, status) => {
    const { gateway, clock, down } = await start();
    await post(gateway);
    clock.seconds = 150;
    down(fault);
    expect((await post(gateway)).status).toBe(status);
  });

  test('for a budget that is spent', async () => {
    const tenants = [{ id: 'acme', keys: [{ key: 'sk-test-acme' }], budgets: [{ limitUsd: 0.06, per: 'total' }] }];
    const { gateway, clock, down } = await start({ config: { tenants } });
    await post(gateway);
    clock.seconds = 150;
    down();
    const reply = await post(gateway);
    expect(reply.status).toBe(429);
  });

  test('to another tenant', async () => {
    const { gateway, clock, down } = await start();
    await post(gateway);
    clock.seconds = 150;
    down();
    const reply = await gateway.post(IMAGES, FOX, { authorization: `Bearer ${OTHER_KEY}` });
    expect(reply.status).toBe(503);
  });
});

test('of several pictures those that are kept stand in, and the others are said to be missing', async () => {
  const { gateway, clock, down } = await start();
  await post(gateway);
  clock.seconds = 150;
  down();
  const reply = await post(gateway, undefined, { ...FOX, n: 2 });
  expect(reply.status).toBe(200);
  expect((await bodyOf<ImagesReply>(reply)).data).toHaveLength(1);
  expect(reply.headers.get('x-plantain-warning')).toMatch(/1 of 2 pictures failed .*50 seconds past its time/);
});
