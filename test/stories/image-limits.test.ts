import { describe, expect, test } from 'vitest';
import { FAULTS } from '../../src/simulator/faults.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { KEY, OTHER_KEY } from '../support/gateway.ts';
import { askAndHangUp } from '../support/hang-up.ts';
import { atOnce, decisions, startLimited, statusesOf } from '../support/limited.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const SMALL = { image_size: '512' };

describe('pictures a minute', () => {
  test('are exact when a hundred come at once, and hits, joins and refusals of them are free', async () => {
    // However long a hundred take: a minute's pictures come back one by one.
    const now = Date.now();
    const gateway = await startLimited({ imagesPerMinute: 12 }, { simulator: { latencyMs: 100 }, now: () => now });
    const replies = await atOnce(100, (index) =>
      gateway.post(IMAGES, { prompt: `number ${index % 50}`, seed: 1, n: 2, ...SMALL }),
    );
    // Fifty requests twice each: six are drawn, and the second of each pair joins or, if its leader was refused, is refused.
    expect(statusesOf(replies)).toEqual({ 200: 12, 429: 88 });
    expect(gateway.simulator.calls).toHaveLength(12);
    const drawn = replies.findIndex(({ status }) => status === 200) % 50;
    const hit = await gateway.post(IMAGES, { prompt: `number ${drawn}`, seed: 1, n: 2, ...SMALL });
    expect(hit.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    expect(hit.headers.get('x-ratelimit-remaining-images')).toBe('0');
    expect(await spentNanos(gateway, 'acme')).toBe(12 * 50_000_000);
  });

  test('of which one request wants more than there ever are is a 400', async () => {
    const gateway = await startLimited({ imagesPerMinute: 3 });
    const reply = await gateway.post(IMAGES, { prompt: 'four', n: 4, ...SMALL });
    expect(reply.status).toBe(400);
    expect((await bodyOf<OpenAIError>(reply)).error).toMatchObject({
      param: 'n',
      code: 'over_image_limit',
      message: expect.stringMatching(/^4 pictures in one request are more than this tenant can ever have/),
    });
    expect(reply.headers.get('x-should-retry')).toBe('false');
    expect((await gateway.post(IMAGES, { prompt: 'three', n: 3, ...SMALL })).status).toBe(200);
  });

  test('are not used up by what the budget refuses, nor money by what they refuse', async () => {
    const acme = { id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 0.12, per: 'total' }] };
    const limits = { imagesPerMinute: 3, concurrentImages: 3 };
    const gateway = await startLimited({}, { config: { tenants: [{ ...acme, limits }] } });
    const ask = (n: number): Promise<Response> => gateway.post(IMAGES, { prompt: 'some', n, ...SMALL });
    const poor = await ask(3);
    expect((await bodyOf<OpenAIError>(poor)).error.code).toBe('insufficient_quota');
    expect(poor.headers.get('x-ratelimit-remaining-images')).toBe('3');
    expect((await ask(2)).status).toBe(200);
    const fast = await ask(2);
    expect((await bodyOf<OpenAIError>(fast)).error.code).toBe('rate_limit_exceeded');
    expect(fast.headers.get('x-ratelimit-remaining-images')).toBe('1');
    expect(await spentNanos(gateway, 'acme')).toBe(100_000_000);
  });
});

describe('pictures in the air', () => {
  test('are exact when a hundred come at once', async () => {
    const gateway = await startLimited({ concurrentImages: 7 });
    const land = keepAloft(gateway.simulator);
    const asked = atOnce(100, (index) =>
      index % 2 === 0
        ? gateway.post(IMAGES, { prompt: `number ${index}`, ...SMALL })
        : gateway.post(NATIVE, { contents: [{ parts: [{ text: `number ${index}` }] }] }),
    );
    await expect.poll(() => decisions(gateway, 'concurrent_images', 'denied')).toBe(93);
    land();
    const replies = await asked;
    expect(statusesOf(replies)).toEqual({ 200: 7, 429: 93 });
    const refused = replies.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toBe('5');
    expect(refused?.headers.get('x-should-retry')).toBe('true');
  });

  test('never leak a place, whatever becomes of a picture', async () => {
    const gateway = await startLimited(
      { concurrentImages: 2 },
      { upstream: { answerWithinMs: { '512': 1_000, '1K': 20_000 }, abandonAfterMs: { '512': 1_000, '1K': 20_000 } } },
    );
    for (const fault of Object.keys(FAULTS) as Fault[]) {
      gateway.simulator.rule({ fault });
      // Two at a time: were one place kept, the next two could not both be had.
      const reply = await gateway.post(IMAGES, { prompt: `a fault ${fault}`, n: 2, ...SMALL });
      expect(reply.status, fault).not.toBe(429);
      gateway.simulator.clearRules();
    }
    expect((await gateway.post(IMAGES, { prompt: 'two', n: 2, image_size: '1K' })).status).toBe(200);
    expect(await decisions(gateway, 'concurrent_images', 'denied')).toBe(0);
  });

  test('are in the air until they land, not until their caller hangs up', async () => {
    const gateway = await startLimited({ concurrentImages: 1 });
    const land = keepAloft(gateway.simulator);
    await askAndHangUp(gateway, IMAGES, { prompt: 'left behind', ...SMALL });
    expect((await gateway.post(IMAGES, { prompt: 'another', ...SMALL })).status).toBe(429);
    land();
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_flights')).toBe(0);
    expect((await gateway.post(IMAGES, { prompt: 'another', ...SMALL })).status).toBe(200);
  });

  test('that are too many for the one who led are not too many for the one who joined', async () => {
    const tenants = [
      { id: 'acme', keys: [{ key: KEY }], cache: { scope: 'both' }, limits: { concurrentImages: 1 } },
      { id: 'globex', keys: [{ key: OTHER_KEY }], cache: { scope: 'both' } },
    ];
    const gateway = await startLimited({}, { config: { tenants } });
    const body = { prompt: 'the same', seed: 1, n: 2, ...SMALL };
    const [led, joined] = await Promise.all([
      gateway.post(IMAGES, body),
      gateway.post(IMAGES, body, { authorization: `Bearer ${OTHER_KEY}` }),
    ]);
    expect(joined.status).toBe(200);
    expect([200, 400]).toContain(led.status);
  });
});
