import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { BUSY, OUTCOMES, SLOW, TIMED_OUT } from '../support/fault-outcomes.ts';
import type { Outcome } from '../support/fault-outcomes.ts';
import { startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { spentNanos } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, ImagesReply, NativeReply, OpenAIError } from '../support/wire.ts';

const PATHS = { images: '/v1/images/generations', native: '/v1beta/models/gemini-3.1-flash-image:generateContent' };
type Kind = keyof typeof PATHS;
const KINDS = ['images', 'native'] as const satisfies Kind[];

/** Where the fault is about sizes, the picture must not have the smallest one. */
const bodyFor = (kind: Kind, prompt: string, large: boolean) => {
  const imageConfig = large ? { imageSize: '2K', aspectRatio: '16:9' } : { imageSize: '512' };
  return kind === 'images'
    ? { prompt, seed: 1, image_config: imageConfig }
    : {
        contents: [{ parts: [{ text: prompt }] }],
        generationConfig: { seed: 1, responseModalities: ['IMAGE'], imageConfig },
      };
};

/** By tokens, at Google's own price: what the simulator bills. */
const AT_GOOGLES_PRICE = { config: { models: [] }, upstream: { id: 'google', replyBytes: 8 << 20 } };

async function expectWholePicture(reply: Response, kind: Kind): Promise<void> {
  expect(reply.status).toBe(200);
  const pictures =
    kind === 'images'
      ? (await bodyOf<ImagesReply>(reply)).data.map(({ b64_json }) => b64_json)
      : (await bodyOf<NativeReply>(reply)).candidates[0]!.content.parts.flatMap(({ inlineData }) =>
          inlineData === undefined ? [] : [inlineData.data],
        );
  expect(pictures.length).toBeGreaterThan(0);
  for (const picture of pictures) await checkPicture(Buffer.from(picture, 'base64'));
}

async function expectAnswer(reply: Response, kind: Kind, outcome: Outcome): Promise<void> {
  expect(reply.status).toBe(outcome[kind]);
  if (reply.status === 200 && outcome.images === 200) return expectWholePicture(reply, kind);
  if (reply.status === 200) {
    const body = await bodyOf<NativeReply & { promptFeedback?: { blockReason: string } }>(reply);
    // The vendor's own words for why there is no picture: never an empty 200.
    expect(body.promptFeedback?.blockReason ?? body.candidates[0]?.finishReason).toMatch(/^[A-Z_]+$/);
    return;
  }
  expect(reply.headers.get('x-should-retry')).toBe(String(outcome.retry));
  if (outcome.retry) expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  if (kind === 'images') {
    const { error } = await bodyOf<OpenAIError>(reply);
    expect(error).toMatchObject({ code: outcome.code, param: null, message: expect.stringMatching(/\w{3}/) });
  } else {
    const { error } = await bodyOf<GoogleError>(reply);
    expect(error).toMatchObject({ code: reply.status, message: expect.stringMatching(/\w{3}/) });
  }
}

/** Nothing of ours, and none of the vendor's words about us. */
function expectNothingSecret(gateway: TestGateway, headers: Headers, text: string): void {
  const said = `${JSON.stringify([...headers])}${text}`;
  expect(said).not.toContain(UPSTREAM_KEY);
  expect(said).not.toContain(new URL(gateway.simulator.url).host);
  expect(said).not.toMatch(/API key|leaked|projects\/|generativelanguage|<!DOCTYPE|\n {4}at /i);
}

describe('every fault of the upstream', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ ...AT_GOOGLES_PRICE, simulator: { signatureBytes: 64 } });
  });
  afterAll(() => gateway.close());

  test.each(Object.entries(OUTCOMES) as [Fault, Outcome][])('%s has its own clear end', async (fault, outcome) => {
    for (const kind of KINDS) {
      const before = { spent: await spentNanos(gateway), bill: gateway.simulator.bill.totalNanoUsd };
      gateway.simulator.rule({ fault, times: 1 });
      const body = bodyFor(
        kind,
        `${fault}, ${kind}`,
        ['tiny-dimensions', 'wrong-ratio', 'two-pictures'].includes(fault),
      );
      const reply = await gateway.post(PATHS[kind], body);
      const text = await reply.clone().text();
      await expectAnswer(reply, kind, outcome);
      if (reply.status !== 200) expectNothingSecret(gateway, reply.headers, text);
      expect(reply.headers.has('x-plantain-warning'), reply.headers.get('x-plantain-warning') ?? '').toBe(
        outcome.warns === true,
      );

      const spent = (await spentNanos(gateway)) - before.spent;
      const bill = gateway.simulator.bill.totalNanoUsd - before.bill;
      if (outcome.money === 'unknown') expect(spent).toBeGreaterThan(bill);
      else expect(spent).toBe(bill);
      if (outcome.money === 'free') expect(spent).toBe(0);

      // What failed is not remembered, and the next one is served as if nothing had been.
      const next = await gateway.post(PATHS[kind], body);
      expect(next.headers.get('cache-status')).toMatch(outcome.images === 200 ? /; hit/ : /fwd=miss; stored/);
      await expectWholePicture(next, kind);
    }
  });

  test('no redirect is followed, and no fault of ours was logged', () => {
    expect(gateway.simulator.calls.map(({ path }) => path)).not.toContain('/simulator/redirected');
    expect(
      gateway
        .logged()
        .split('\n')
        .filter((line) => /"level":[56]0/.test(line)),
    ).toEqual([]);
    expect(gateway.logged()).not.toContain(UPSTREAM_KEY);
    // Nor anything of what they said: it may be a picture, a prompt or a page about our account.
    expect(gateway.logged()).not.toMatch(
      /inlineData|candidates|usageMetadata|<!DOCTYPE|<title>|quota exceeded|\/9j\//i,
    );
  });
});

describe('an upstream that keeps its caller waiting', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    const upstream = { ...AT_GOOGLES_PRICE.upstream, answerWithinMs: 400, abandonAfterMs: 400 };
    gateway = await startGateway({ ...AT_GOOGLES_PRICE, upstream, simulator: { signatureBytes: 64 } });
  });
  afterAll(() => gateway.close());

  test.each(SLOW)('%s is given up: the caller is told so, and the picture is charged as unknown', async (fault) => {
    for (const kind of KINDS) {
      const before = await spentNanos(gateway);
      gateway.simulator.rule({ fault, times: 1 });
      const body = bodyFor(kind, `${fault}, ${kind}`, false);
      const reply = await gateway.post(PATHS[kind], body);
      const text = await reply.clone().text();
      await expectAnswer(reply, kind, TIMED_OUT);
      expectNothingSecret(gateway, reply.headers, text);
      expect(await spentNanos(gateway)).toBeGreaterThan(before);
      await expectWholePicture(await gateway.post(PATHS[kind], body), kind);
    }
  });

  test('late is not too late', async () => {
    gateway.simulator.rule({ fault: 'slow', times: 1, delayMs: 50 });
    await expectWholePicture(await gateway.post(PATHS.images, bodyFor('images', 'late', false)), 'images');
  });
});

test('an upstream that nobody reaches costs nothing, and says when to come back', async () => {
  const gateway = await startGateway(AT_GOOGLES_PRICE);
  try {
    await gateway.simulator.close();
    for (const kind of KINDS) {
      const reply = await gateway.post(PATHS[kind], bodyFor(kind, 'nobody', false));
      const text = await reply.clone().text();
      await expectAnswer(reply, kind, { ...BUSY, code: 'unavailable' });
      expectNothingSecret(gateway, reply.headers, text);
    }
    expect(await spentNanos(gateway)).toBe(0);
  } finally {
    await gateway.close();
  }
});
