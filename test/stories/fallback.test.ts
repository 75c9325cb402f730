import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { temporaryDirectory } from '../cache/stores.ts';
import { audit } from '../tenants/audit.ts';
import { eventsIn } from '../support/events.ts';
import { KEY, startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { whenIn, LATER, taskOf } from '../support/tasks.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const FLASH = 'gemini-3.1-flash-image';
const PRO = 'gemini-3-pro-image';
const PRO_USD = 0.13;
const FLASH_USD = 0.06;

interface House {
  readonly gateway: TestGateway;
  readonly pro: Simulator;
  readonly flash: Simulator;
  /** Offers Flash for 9 cents, before the other: only where the test says so. */
  readonly dear: Simulator;
}

interface HouseOptions extends TestGatewayOptions {
  /** Of Pro; null: there is none. */
  readonly fallback?: { readonly model: string; readonly maxPriceUsd: number } | null;
  readonly ofFlash?: object;
  readonly hasDear?: boolean;
  readonly upstream?: Record<string, unknown>;
}

/** Pro is drawn by one upstream, Flash by another, and Pro falls over to Flash. */
async function start(options: HouseOptions = {}): Promise<House> {
  const [pro, flash, dear] = await Promise.all(
    Array.from({ length: 3 }, () => startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY] })),
  );
  const upstreamOf = (id: string, { url }: Simulator) => ({
    id,
    baseUrl: url,
    keyFrom: 'VENDOR_KEY',
    answerWithinMs: 20_000,
    abandonAfterMs: 30_000,
    repeats: 0,
    breaker: false,
    ...options.upstream,
  });
  const offer = (upstream: string, model: string, usd: number) => ({ upstream, model, price: { perImageUsd: usd } });
  const { fallback = { model: 'nano-banana-2', maxPriceUsd: 0.07 } } = options;
  const gateway = await startGateway({
    ...options,
    config: {
      upstreams: [upstreamOf('pro', pro!), upstreamOf('flash', flash!), upstreamOf('dear', dear!)],
      models: [
        { id: PRO, targets: [offer('pro', PRO, PRO_USD)], ...(fallback !== null && { fallback }) },
        {
          id: FLASH,
          targets: [
            ...(options.hasDear === true ? [offer('dear', FLASH, 0.09)] : []),
            offer('flash', FLASH, FLASH_USD),
          ],
          ...options.ofFlash,
        },
      ],
      ...options.config,
    },
  });
  onTestFinished(async () => {
    await gateway.close();
    await Promise.all([pro!, flash!, dear!].map((each) => each.close()));
  });
  return { gateway, pro: pro!, flash: flash!, dear: dear! };
}

const FOX = { model: PRO, prompt: 'a fox in snow', image_size: '1K' };
const down = (simulator: Simulator, fault: Fault = 'overloaded'): void => simulator.rule({ fault });
const whoOf = (reply: Response): readonly (number | string | null)[] => [
  reply.status,
  reply.headers.get('x-plantain-model'),
  reply.headers.get('x-plantain-upstream'),
];
const fallen = (gateway: TestGateway, outcome: string): Promise<number> =>
  scraped(gateway, 'plantain_model_fallbacks_total', { outcome });
const tenant = (more: object): Record<string, unknown> => ({
  tenants: [{ id: 'acme', keys: [{ key: KEY }], ...more }],
});

describe('a model that nobody can draw', () => {
  test.each<Fault>(['overloaded', 'internal', 'rate-limit', 'daily-quota', 'unauthorized', 'model-gone', 'location'])(
    'is answered by the other one, truly told, at the price there: %s',
    async (fault) => {
      const { gateway, pro, flash } = await start();
      down(pro, fault);
      const reply = await gateway.post(IMAGES, FOX);
      expect(whoOf(reply)).toEqual([200, FLASH, 'flash']);
      expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.06');
      expect(reply.headers.get('x-plantain-warning')).toMatch(
        new RegExp(`^${PRO} could not be had just now \\(\\w+\\): ${FLASH} answers in its place`),
      );
      expect(((await reply.json()) as { model: string }).model).toBe(FLASH);
      expect([pro.calls.length, flash.calls.length, pro.bill.totalPictures]).toEqual([1, 1, 0]);
      expect(await spentNanos(gateway)).toBe(60_000_000);
      expect(await fallen(gateway, 'served')).toBe(1);
      expect(gateway.logged()).toMatch(new RegExp(`"modelAsked":"${PRO}","modelRouted":"${FLASH}"`));
    },
  );

  test('is answered so in every dialect', async () => {
    const { gateway, pro } = await start();
    down(pro);
    const messages = [{ role: 'user', content: 'a fox' }];
    for (const [path, body, read] of [
      ['/v1/chat/completions', { model: PRO, messages, modalities: ['image'] }, 'model'],
      ['/v1/messages', { model: PRO, max_tokens: 4096, messages }, 'model'],
      [`/v1beta/models/${PRO}:generateContent`, { contents: [{ parts: [{ text: 'a fox' }] }] }, 'modelVersion'],
    ] as const) {
      const reply = await gateway.post(path, body);
      expect(whoOf(reply)).toEqual([200, FLASH, 'flash']);
      expect(((await reply.json()) as Record<string, unknown>)[read]).toBe(FLASH);
    }
  });

  test('is answered so in a stream and as a task', async () => {
    const { gateway, pro } = await start();
    down(pro);
    const streamed = await gateway.post(IMAGES, { ...FOX, stream: true, partial_images: 1 });
    const events = eventsIn(await streamed.text());
    expect(events.map(({ data }) => data.type)).toEqual([
      'image_generation.partial_image',
      'image_generation.completed',
    ]);
    const reply = await gateway.post(IMAGES, { ...FOX, prompt: 'a task' }, LATER);
    const location = reply.headers.get('location');
    const told = location === null ? reply : await whenIn(gateway, location);
    expect(told.headers.get('x-plantain-model')).toBe(FLASH);
    if (location !== null) expect((await taskOf(told)).status).toBe('completed');
  });

  test('is answered so when nobody is there, for all who wait, with one call', async () => {
    const { gateway, pro, flash } = await start();
    await pro.close();
    const land = keepAloft(flash);
    const asked = Array.from({ length: 5 }, () => gateway.post(IMAGES, { ...FOX, seed: 7 }));
    await expect.poll(() => flash.calls.length).toBe(1);
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_waiters')).toBe(4);
    land();
    for (const reply of await Promise.all(asked)) expect(whoOf(reply)).toEqual([200, FLASH, 'flash']);
    expect(flash.calls).toHaveLength(1);
    expect(await spentNanos(gateway)).toBe(60_000_000);
  });
});

describe('the first failure stands', () => {
  const stands = async (house: House, body: object = FOX, headers = {}): Promise<Response> => {
    const reply = await house.gateway.post(IMAGES, body, headers);
    expect(house.flash.calls).toHaveLength(0);
    expect(await scraped(house.gateway, 'plantain_upstream_requests_total', { model: FLASH })).toBe(0);
    return reply;
  };

  test.each<[Fault, number]>([
    ['hangup', 502],
    ['truncate-length', 502],
    ['bad-gateway-html', 502],
    ['deadline', 504],
    ['blocked-safety', 400],
    ['image-safety', 400],
    ['no-image', 422],
    ['broken-picture', 502],
    ['too-large', 413],
  ])('where it may have cost something, or is no outage: %s', async (fault, status) => {
    const house = await start();
    down(house.pro, fault);
    expect((await stands(house)).status).toBe(status);
    expect(await fallen(house.gateway, 'not_possible')).toBe(0);
  });

  test('where none is configured', async () => {
    const house = await start({ fallback: null });
    down(house.pro);
    expect((await stands(house)).status).toBe(503);
  });

  test('where the other is too dear, by its worst case for the size asked', async () => {
    const house = await start({ fallback: { model: FLASH, maxPriceUsd: 0.0599 } });
    down(house.pro);
    const reply = await stands(house);
    expect(whoOf(reply)).toEqual([503, null, null]);
    expect((await bodyOf<OpenAIError>(reply)).error.code).toBe('upstream_capacity');
    expect(await fallen(house.gateway, 'not_possible')).toBe(1);
    expect(house.gateway.logged()).toMatch(new RegExp(`"modelRouted":"${PRO}"`));
  });

  test.each<[string, object, object]>([
    ['a size', { tiers: ['2K'] }, {}],
    ['a ratio', { ratios: ['1:1'] }, { aspect_ratio: '21:9' }],
    ['a type of picture', { inputs: [] }, { image: true }],
    ['as many pictures', { maxReferences: 0 }, { image: true }],
  ])('where the other cannot do it: %s', async (_what, ofFlash, more) => {
    const house = await start({ ofFlash });
    const { data } = await bodyOf<ImagesReply>(await house.gateway.post(IMAGES, FOX));
    down(house.pro);
    const reference = { type: 'image_url', image_url: { url: `data:image/png;base64,${data[0]!.b64_json}` } };
    const content = [{ type: 'text', text: 'again' }, ...('image' in more ? [reference] : [])];
    const chat = {
      model: PRO,
      messages: [{ role: 'user', content }],
      modalities: ['image'],
      image_size: '1K',
      ...more,
    };
    const { image: _image, ...body } = chat as typeof chat & { image?: boolean };
    const reply = await house.gateway.post('/v1/chat/completions', body);
    expect([reply.status, house.flash.calls.length]).toEqual([503, 0]);
  });

  test('where the key may not use the other', async () => {
    const house = await start({ config: tenant({ models: [PRO] }) });
    down(house.pro);
    expect((await stands(house)).status).toBe(503);
  });

  test.each([
    ['its own budget', [{ limitUsd: 0.05, per: 'day', models: [FLASH] }]],
    // What was held for the first is free again before the other is asked, and no more than that.
    [
      'the whole',
      [
        { limitUsd: 0.13, per: 'day' },
        { limitUsd: 0.059, per: 'total', models: [FLASH] },
      ],
    ],
  ])('where there is no money for the other: %s', async (_which, budgets) => {
    const house = await start({ config: tenant({ budgets }) });
    down(house.pro);
    const reply = await stands(house);
    expect((await bodyOf<OpenAIError>(reply)).error.code).toBe('upstream_capacity');
    expect(await fallen(house.gateway, 'failed')).toBe(1);
  });

  test('where there is no money for the one asked for', async () => {
    const house = await start({ config: tenant({ budgets: [{ limitUsd: 0.1, per: 'day', models: [PRO] }] }) });
    down(house.pro);
    expect((await stands(house)).status).toBe(429);
  });

  test('under an Idempotency-Key, whose first answer is that of every repetition', async () => {
    const house = await start();
    down(house.pro);
    expect((await stands(house, FOX, { 'idempotency-key': 'k1' })).status).toBe(503);
  });

  test('where the other is down too, and nobody is asked twice', async () => {
    const { gateway, pro, flash } = await start({
      ofFlash: { fallback: { model: PRO, maxPriceUsd: 1 } },
    });
    down(pro, 'daily-quota');
    down(flash);
    const reply = await gateway.post(IMAGES, FOX);
    expect((await bodyOf<OpenAIError>(reply)).error.code).toBe('upstream_quota');
    expect([reply.status, pro.calls.length, flash.calls.length]).toEqual([503, 1, 1]);
  });
});

test('a budget with room for one of them at a time has it for the other when the first came to nothing', async () => {
  const { gateway, pro } = await start({ config: tenant({ budgets: [{ limitUsd: 0.19, per: 'day' }] }) });
  down(pro);
  // Of the second nothing is left beside what its first call holds, and of the third not even that.
  const statuses: number[] = [];
  for (let number = 0; number < 3; number += 1) statuses.push((await gateway.post(IMAGES, FOX)).status);
  expect(statuses).toEqual([200, 200, 429]);
});

test('what the other’s failure may have cost is told, and its verdict on the prompt', async () => {
  const { gateway, pro, flash } = await start();
  down(pro);
  flash.rule({ fault: 'hangup', times: 1 });
  const lost = await gateway.post(IMAGES, FOX);
  expect([lost.status, lost.headers.get('x-should-retry'), lost.headers.get('x-plantain-cost-usd')]).toEqual([
    502,
    'false',
    '0.06',
  ]);
  flash.rule({ fault: 'blocked-safety', times: 1 });
  const blocked = await gateway.post(IMAGES, FOX);
  expect([blocked.status, (await bodyOf<OpenAIError>(blocked)).error.code]).toEqual([400, 'moderation_blocked']);
});

describe('what the other has drawn', () => {
  const SEEDED = { ...FOX, seed: 7 };

  test('is kept as its own, never as that of the model asked for', async () => {
    const { gateway, pro, flash } = await start();
    down(pro);
    const first = await bodyOf<ImagesReply>(await gateway.post(IMAGES, SEEDED));
    const direct = await gateway.post(IMAGES, { ...SEEDED, model: FLASH });
    expect(direct.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    expect((await bodyOf<ImagesReply>(direct)).data).toEqual(first.data);
    const again = await gateway.post(IMAGES, SEEDED);
    expect(whoOf(again)).toEqual([200, FLASH, 'flash']);
    expect([again.headers.get('x-plantain-cost-usd'), flash.calls.length]).toEqual(['0', 1]);
    pro.clearRules();
    const own = await gateway.post(IMAGES, SEEDED);
    expect(whoOf(own)).toEqual([200, PRO, 'pro']);
    expect(own.headers.get('cache-status')).toMatch(/fwd=miss; stored/);
    expect(own.headers.has('x-plantain-warning')).toBe(false);
  });

  test('gives way to an older picture of the model asked for, which costs nothing', async () => {
    let seconds = 0;
    const startedAt = Date.now();
    const { gateway, pro, flash } = await start({
      now: () => startedAt + seconds * 1000,
      config: { cache: { ttlSeconds: 60, staleIfErrorSeconds: 600 } },
    });
    await gateway.post(IMAGES, SEEDED);
    seconds = 100;
    down(pro);
    expect(whoOf(await gateway.post(IMAGES, SEEDED))).toEqual([200, PRO, 'pro']);
    expect(flash.calls).toHaveLength(0);
  });
});

describe('where one target of the other is too dear', () => {
  test('only the others are asked', async () => {
    const { gateway, pro, dear, flash } = await start({ hasDear: true });
    down(pro);
    expect(whoOf(await gateway.post(IMAGES, FOX))).toEqual([200, FLASH, 'flash']);
    expect([dear.calls.length, flash.calls.length]).toEqual([0, 1]);
  });

  test('who asked for the other itself, and waits for the same flight, is not refused with it', async () => {
    const { gateway, pro, dear, flash } = await start({ hasDear: true });
    down(pro);
    down(flash);
    const land = keepAloft(flash);
    const fallen = gateway.post(IMAGES, { ...FOX, seed: 7 });
    await expect.poll(() => flash.calls.length).toBe(1);
    const direct = gateway.post(IMAGES, { ...FOX, model: FLASH, seed: 7 });
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_waiters')).toBe(1);
    land();
    expect((await fallen).status).toBe(503);
    expect(whoOf(await direct)).toEqual([200, FLASH, 'dear']);
    expect(dear.calls).toHaveLength(1);
  });
});

test('of a conversation the other reads the pictures as references', async () => {
  const { gateway, pro, flash } = await start();
  const path = `/v1beta/models/${PRO}:generateContent`;
  const user = { role: 'user', parts: [{ text: 'a fox' }] };
  const first = await bodyOf<NativeReply>(await gateway.post(path, { contents: [user] }));
  const model = {
    role: 'model',
    parts: first.candidates[0]!.content.parts.map(({ thoughtSignature: _signature, ...part }) => part),
  };
  down(pro);
  const next = { role: 'user', parts: [{ text: 'in rain' }] };
  const reply = await gateway.post(path, { contents: [user, model, next] });
  expect(whoOf(reply)).toEqual([200, FLASH, 'flash']);
  expect(reply.headers.get('x-plantain-warning')).toContain('answers in its place');
  expect(flash.calls).toHaveLength(1);
});

test('no budget is passed and nothing stays held, whatever fails in whatever order', async () => {
  const faults = fc.constantFrom<Fault | null>(
    null,
    'overloaded',
    'model-gone',
    'hangup',
    'bad-gateway-html',
    'no-image',
  );
  const turns = fc.array(fc.record({ pro: faults, flash: faults, n: fc.integer({ min: 1, max: 3 }) }), {
    minLength: 3,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(turns, fc.integer({ min: 10, max: 60 }), async (turns, cents) => {
      const directory = temporaryDirectory();
      const limitUsd = cents / 100;
      const { gateway, pro, flash } = await start({
        directory,
        config: tenant({
          budgets: [
            { limitUsd, per: 'day' },
            { limitUsd: limitUsd / 2, per: 'day', models: [FLASH] },
          ],
        }),
      });
      for (const { pro: ofPro, flash: ofFlash, n } of turns) {
        for (const [simulator, fault] of [
          [pro, ofPro],
          [flash, ofFlash],
        ] as const) {
          simulator.clearRules();
          if (fault !== null) down(simulator, fault);
        }
        const before = await spentNanos(gateway);
        const reply = await gateway.post(IMAGES, { model: PRO, prompt: 'a fox', image_size: '1K', n });
        const told = Number(reply.headers.get('x-plantain-cost-usd') ?? 0);
        expect(Math.round(told * 1e9)).toBe((await spentNanos(gateway)) - before);
        await reply.arrayBuffer();
      }
      const file = join(directory, 'ledger.db');
      await expect.poll(() => audit(file).rows.reduce((sum, { delta_held: held }) => sum + held, 0)).toBe(0);
      const { rows, faults } = audit(file);
      expect(faults).toEqual([]);
      const spent = (model: string | null): number =>
        rows.reduce((sum, row) => sum + (model === null || row.model === model ? row.delta_spent : 0), 0);
      expect(spent(null)).toBeLessThanOrEqual(limitUsd * 1e9);
      expect(spent(FLASH)).toBeLessThanOrEqual((limitUsd / 2) * 1e9);
      expect(spent(PRO)).toBeGreaterThanOrEqual(pro.bill.totalPictures * PRO_USD * 1e9 - 1);
      expect(spent(FLASH)).toBeGreaterThanOrEqual(flash.bill.totalPictures * FLASH_USD * 1e9 - 1);
    }),
    { numRuns: 12 },
  );
});
