import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { eventsIn } from '../support/events.ts';
import type { HeardEvent } from '../support/events.ts';
import { IN_STREAMS, OUTCOMES, SLOW, STREAMLESS } from '../support/fault-outcomes.ts';
import type { Outcome } from '../support/fault-outcomes.ts';
import { startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { spentNanos } from '../support/scrape.ts';

const KINDS = ['images', 'native'] as const;
type Kind = (typeof KINDS)[number];

const PATHS = {
  images: '/v1/images/generations',
  native: '/v1beta/models/gemini-3.1-flash-image:streamGenerateContent?alt=sse',
} as const satisfies Record<Kind, string>;

const bodyFor = (kind: Kind, prompt: string, large: boolean) => {
  const imageConfig = large ? { imageSize: '2K', aspectRatio: '16:9' } : { imageSize: '512' };
  return kind === 'images'
    ? { prompt, seed: 1, image_config: imageConfig, stream: true, partial_images: 2 }
    : {
        contents: [{ parts: [{ text: prompt }] }],
        generationConfig: { seed: 1, imageConfig, thinkingConfig: { includeThoughts: true } },
      };
};

interface Told {
  readonly status: number;
  /** Of a failure, before or after the 200. */
  readonly code: string | number | null;
  readonly isInBand: boolean;
  readonly drafts: number;
  readonly pictures: readonly string[];
  /** The vendor's own word for why there is no picture. */
  readonly reason: string | null;
  readonly text: string;
}

async function tell(reply: Response, kind: Kind): Promise<Told> {
  const text = await reply.text();
  if (!reply.headers.get('content-type')?.startsWith('text/event-stream')) {
    const { error } = JSON.parse(text) as HeardEvent['data'];
    expect(reply.status).toBeGreaterThanOrEqual(400);
    return { status: reply.status, code: error!.code, isInBand: false, drafts: 0, pictures: [], reason: null, text };
  }
  const events = eventsIn(text, kind === 'native' ? '\r\n' : '\n');
  const failure = events.find(({ data }) => data.error !== undefined)?.data.error ?? null;
  if (failure !== null) expect(events.at(-1)?.data.error).toBe(failure);
  const parts = events.flatMap(({ data }) => data.candidates?.[0]?.content?.parts ?? []);
  const pictures =
    kind === 'images'
      ? events.flatMap(({ data }) => (data.type === 'image_generation.completed' ? [data.b64_json!] : []))
      : parts.flatMap(({ inlineData, thought }) => (inlineData && thought !== true ? [inlineData.data] : []));
  const drafts =
    kind === 'images'
      ? events.filter(({ data }) => data.type === 'image_generation.partial_image').length
      : parts.filter(({ inlineData, thought }) => inlineData && thought === true).length;
  const last = events.at(-1)?.data;
  const reason = last?.promptFeedback?.blockReason ?? last?.candidates?.[0]?.finishReason ?? null;
  return { status: reply.status, code: failure?.code ?? null, isInBand: true, drafts, pictures, reason, text };
}

/** What is told of a failure is what the plain call says, before the 200 or after it. */
function expectTold(told: Told, kind: Kind, outcome: Outcome): void {
  expect(told.drafts).toBeLessThanOrEqual(kind === 'images' ? 2 : 3);
  if (told.code === null) expect(told.status).toBe(200);
  if (kind === 'images') expect(told.code).toBe(outcome.code);
  else expect(told.code).toBe(outcome.native === 200 ? null : outcome.native);
  if (!told.isInBand) expect(told.status).toBe(outcome[kind]);
  if (told.code === null && kind === 'native') expect(told.reason).toMatch(/^[A-Z_]+$/);
  for (const secret of [UPSTREAM_KEY, 'API key', '<!DOCTYPE', 'projects/']) expect(told.text).not.toContain(secret);
}

async function expectPicture({ code, pictures }: Told): Promise<void> {
  expect(code).toBeNull();
  expect(pictures.length).toBeGreaterThan(0);
  for (const picture of pictures) await checkPicture(Buffer.from(picture, 'base64'));
}

const AT_GOOGLES_PRICE = { config: { models: [] }, simulator: { signatureBytes: 64 } };
const UPSTREAM = { id: 'google', replyBytes: 8 << 20 };

/** Spent and billed by one stream. */
async function costs(gateway: TestGateway, work: () => Promise<Told>) {
  const before = { spent: await spentNanos(gateway), bill: gateway.simulator.bill.totalNanoUsd };
  const told = await work();
  const spent = (await spentNanos(gateway)) - before.spent;
  return { told, spent, bill: gateway.simulator.bill.totalNanoUsd - before.bill };
}

describe('every fault of the upstream, in a stream', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ ...AT_GOOGLES_PRICE, upstream: UPSTREAM });
  });
  afterAll(() => gateway.close());

  const table = Object.entries({ ...OUTCOMES, ...IN_STREAMS }) as [Fault, Outcome][];
  const streamed = table.filter(([fault]) => !STREAMLESS.some((other) => other === fault));
  test.each(streamed)('%s has the end it has in one piece', async (fault, outcome) => {
    for (const kind of KINDS) {
      gateway.simulator.rule({ fault, times: 1 });
      const isOfSizes = ['tiny-dimensions', 'wrong-ratio', 'two-pictures'].includes(fault);
      const body = bodyFor(kind, `${fault}, ${kind}`, isOfSizes);
      const ask = async (): Promise<Told> => tell(await gateway.post(PATHS[kind], body), kind);
      const { told, spent, bill } = await costs(gateway, ask);
      expectTold(told, kind, outcome);
      if (outcome.images === 200) await expectPicture(told);
      if (outcome.money === 'unknown') expect(spent).toBeGreaterThan(bill);
      else expect(spent).toBe(bill);
      if (outcome.money === 'free') expect(spent).toBe(0);

      // What failed is not remembered, and the next one is served as if nothing had been.
      await expectPicture(await ask());
    }
  });

  test('no fault of ours was logged', () => {
    const faults = gateway
      .logged()
      .split('\n')
      .filter((line) => /"level":[56]0/.test(line));
    expect(faults).toEqual([]);
    expect(gateway.logged()).not.toContain(UPSTREAM_KEY);
  });
});

describe('an upstream that refuses to stream', () => {
  test.each(STREAMLESS)(
    'by %s is asked for the whole, which costs once, and not tried again for a while',
    async (fault) => {
      const gateway = await startGateway({ ...AT_GOOGLES_PRICE, upstream: UPSTREAM });
      try {
        gateway.simulator.rule({ fault, times: 1 });
        for (const [prompt, calls] of [
          ['first', ['streamGenerateContent', 'generateContent']],
          ['second', ['generateContent']],
        ] as const) {
          const before = gateway.simulator.calls.length;
          const ask = async () => tell(await gateway.post(PATHS.images, bodyFor('images', prompt, false)), 'images');
          const { told, spent, bill } = await costs(gateway, ask);
          await expectPicture(told);
          expect(told.drafts).toBe(2);
          expect(spent).toBe(bill);
          expect(gateway.simulator.calls.slice(before).map(({ path }) => path.split(':')[1])).toEqual(calls);
        }
      } finally {
        await gateway.close();
      }
    },
  );

  test('and the whole too says so by its status, for free', async () => {
    const gateway = await startGateway({ ...AT_GOOGLES_PRICE, upstream: UPSTREAM });
    try {
      gateway.simulator.rule({ fault: 'model-gone', times: 2 });
      const ask = async () => tell(await gateway.post(PATHS.images, bodyFor('images', 'gone', false)), 'images');
      const { told, spent } = await costs(gateway, ask);
      expect(told).toMatchObject({ status: 503, code: 'upstream_model' });
      expect(spent).toBe(0);
      expect(gateway.simulator.calls).toHaveLength(2);
    } finally {
      await gateway.close();
    }
  });
});

test.each(SLOW)('%s in a stream is given up, told so and charged as unknown', async (fault) => {
  const upstream = { ...UPSTREAM, answerWithinMs: 400, abandonAfterMs: 400 };
  const gateway = await startGateway({ ...AT_GOOGLES_PRICE, upstream });
  try {
    for (const kind of KINDS) {
      gateway.simulator.rule({ fault, times: 1 });
      const ask = async () => tell(await gateway.post(PATHS[kind], bodyFor(kind, `${fault}, ${kind}`, false)), kind);
      const { told, spent } = await costs(gateway, ask);
      expect(told.code).toBe(kind === 'images' ? 'upstream_timeout' : 504);
      expect(told.isInBand).toBe(fault === 'stall-body');
      expect(spent).toBeGreaterThan(0);
    }
  } finally {
    await gateway.close();
  }
});
