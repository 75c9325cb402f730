import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { KEY, OTHER_KEY } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import { scraped } from '../support/scrape.ts';
import { collected, LATER } from '../support/tasks.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, ImagesReply, NativeReply } from '../support/wire.ts';
import { openDirectory, openGateway } from '../support/open.ts';

const FLASH = 'gemini-3.1-flash-image';
const IMAGES = '/v1/images/generations';
const nativeOf = (model: string): string => `/v1beta/models/${model}:generateContent`;
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };

/** A part as a caller of any dialect has it in mind: what was said, and the picture that was shown. */
interface Said {
  readonly text?: string;
  readonly picture?: string;
}

/** A dialect in which conversations are held, and that carries no thought signatures. */
interface Speaker {
  readonly name: string;
  /** Sends `turns`, the user's and the model's by turns, the user's first. */
  ask(gateway: TestGateway, turns: readonly (readonly Said[])[], more?: Asked): Promise<Response>;
  /** What a caller keeps of an answer. */
  heard(reply: Response): Promise<readonly Said[]>;
}

interface Asked {
  readonly seed?: number;
  readonly model?: string;
  readonly headers?: Record<string, string>;
}

interface NativePart {
  readonly text?: string;
  readonly inlineData?: { readonly mimeType: string; readonly data: string };
  readonly thoughtSignature?: string;
}

const native = (turns: readonly (readonly NativePart[])[], seed: number) => ({
  contents: turns.map((parts, index) => ({ role: index % 2 === 0 ? 'user' : 'model', parts })),
  generationConfig: { imageConfig: { imageSize: '512' }, seed },
});

const nativePart = ({ text, picture }: Said): NativePart =>
  picture === undefined ? { text: text ?? '' } : { inlineData: { mimeType: 'image/png', data: picture } };

/** Gemini's own dialect, spoken by somebody who loses the signatures on the way. */
const forgetful: Speaker = {
  name: 'Gemini without signatures',
  ask: (gateway, turns, { seed = 7, model = FLASH, headers = {} } = {}) =>
    gateway.post(
      nativeOf(model),
      native(
        turns.map((turn) => turn.map(nativePart)),
        seed,
      ),
      headers,
    ),
  async heard(reply) {
    const { candidates } = await bodyOf<NativeReply>(reply);
    return candidates[0]!.content.parts.map(({ text, inlineData }) =>
      inlineData === undefined ? { text: text ?? '' } : { picture: inlineData.data },
    );
  },
};

/** OpenAI's Responses, whose items are a turn together. */
const responses: Speaker = {
  name: 'items of Responses',
  ask: (gateway, turns, { seed = 7, model = FLASH, headers = {} } = {}) => {
    const input = turns.flatMap((turn, index) =>
      turn.map(({ text, picture }) =>
        picture === undefined
          ? { role: index % 2 === 0 ? 'user' : 'assistant', content: text }
          : { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: picture },
      ),
    );
    const tools = [{ type: 'image_generation', size: '512' }];
    return gateway.post('/v1/responses', { model, input, tools, seed }, headers);
  },
  async heard(reply) {
    const { output } = (await reply.json()) as {
      readonly output: readonly { readonly result?: string; readonly content?: readonly { readonly text: string }[] }[];
    };
    return output.map(({ result, content }) =>
      result === undefined ? { text: content![0]!.text } : { picture: result },
    );
  },
};

/** Every dialect of conversations goes through the same stories: another one is a line here. */
const SPEAKERS: readonly Speaker[] = [forgetful, responses];

const start = (options: TestGatewayOptions = {}): Promise<TestGateway> =>
  openGateway({ simulator: { signatureBytes: 6_000, format: 'jpeg' }, ...options });

const user = (text: string): readonly Said[] => [{ text }];
const shown = (picture: string): readonly Said[] => [{ picture }];
const warningOf = (reply: Response): string | null => reply.headers.get('x-plantain-warning');
const statusOf = (reply: Response): string | null => reply.headers.get('cache-status');

async function imageOf(gateway: TestGateway, more: object, headers = {}): Promise<string> {
  const reply = await gateway.post(IMAGES, { prompt: 'a fox', image_size: '512', seed: 7, ...more }, headers);
  expect(reply.status).toBe(200);
  return (await bodyOf<ImagesReply>(reply)).data[0]!.b64_json;
}

/** Asks for a change of that picture; whether it went up as the model's own, which the simulator checks, is in the warning. */
async function changed(gateway: TestGateway, picture: string, more?: Asked): Promise<Response> {
  const reply = await forgetful.ask(gateway, [user('a fox'), shown(picture), user('in snow')], more);
  expect(reply.status).toBe(200);
  return reply;
}

const UNKNOWN =
  "1 picture of earlier answers went up as references of the user's: the thought signatures are not known here for this model";

describe.each(SPEAKERS)('a conversation in $name', (speaker) => {
  test('goes on for three turns, and every picture goes up as the model’s own', async () => {
    const gateway = await start();
    const turns = [user('a fox')];
    for (const next of ['in snow', 'at night', 'with a moon']) {
      const reply = await speaker.ask(gateway, turns);
      expect(reply.status).toBe(200);
      expect(warningOf(reply)).toBeNull();
      turns.push(await speaker.heard(reply), user(next));
    }
    expect(gateway.simulator.calls.map(({ answered }) => answered?.status)).toEqual([200, 200, 200]);
  });

  test('has one cache entry with that of a caller who carries the signatures', async () => {
    const gateway = await start();
    const first = await speaker.ask(gateway, [user('a fox')]);
    const told = await bodyOf<NativeReply>(await gateway.post(nativeOf(FLASH), native([[{ text: 'a fox' }]], 7)));
    const { parts } = told.candidates[0]!.content;
    expect(parts.map(({ thoughtSignature }) => thoughtSignature?.length)).toEqual([6_000, 6_000]);

    const second = await speaker.ask(gateway, [user('a fox'), await speaker.heard(first), user('in snow')]);
    expect(statusOf(second)).toMatch(/^Plantain; fwd=miss; stored/);
    const signed = await gateway.post(nativeOf(FLASH), native([[{ text: 'a fox' }], parts, [{ text: 'in snow' }]], 7));
    expect(statusOf(signed)).toMatch(/^Plantain; hit/);
    expect(gateway.simulator.calls).toHaveLength(2);
  });

  test('with a picture nobody here has drawn goes on with it as a reference, and says so', async () => {
    const gateway = await start();
    const elsewhere = await start({ simulator: { signatureBytes: 6_000, format: 'png' } });
    const picture = await imageOf(elsewhere, { prompt: 'a hare' });
    const reply = await speaker.ask(gateway, [user('a hare'), [{ text: 'Here.' }, { picture }], user('in snow')]);
    expect(reply.status).toBe(200);
    expect(warningOf(reply)).toBe(UNKNOWN);
  });
});

describe('a picture is known again', () => {
  test('that was made into another format, drawn for it or found', async () => {
    const gateway = await start();
    const drawn = await imageOf(gateway, { output_format: 'png' });
    expect(warningOf(await changed(gateway, drawn))).toBeNull();
    const found = await imageOf(gateway, { output_format: 'webp' });
    expect(warningOf(await changed(gateway, found))).toBeNull();
    // It is the vendor's picture that goes up, whatever was made of it.
    expect(gateway.simulator.calls).toHaveLength(2);
  });

  test('by each of those who waited for it, in the format each had', async () => {
    const gateway = await start({ simulator: { signatureBytes: 6_000, format: 'jpeg', latencyMs: 1_000 } });
    const pictures = await Promise.all(
      ['png', 'webp', 'jpeg'].map((output_format) => imageOf(gateway, { output_format })),
    );
    expect(gateway.simulator.calls).toHaveLength(1);
    for (const picture of pictures) expect(warningOf(await changed(gateway, picture))).toBeNull();
  });

  test('that came without a seed and is in no cache, over a link and in a smaller width', async () => {
    const gateway = await start({ config: { cache: { store: 'memory' } } });
    const body = { prompt: 'a fox', image_size: '512', response_format: 'url', output_format: 'png' };
    const { data } = (await (await gateway.post(IMAGES, body)).json()) as { data: { url: string }[] };
    for (const more of ['', '&w=256']) {
      const file = await fetch(`${data[0]!.url}${more}`);
      expect(file.status).toBe(200);
      const picture = Buffer.from(await file.arrayBuffer()).toString('base64');
      expect(warningOf(await changed(gateway, picture))).toBeNull();
    }
  });

  test('after a restart', async () => {
    const directory = openDirectory();
    const before = await start({ directory });
    const picture = await imageOf(before, { output_format: 'png' });
    await before.close();
    const after = await start({ directory });
    expect(warningOf(await changed(after, picture))).toBeNull();
  });

  test('in what a quote says of it', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    const body = native([[{ text: 'a fox' }], [nativePart({ picture })], [{ text: 'in snow' }]], 7);
    const quote = async (): Promise<unknown> =>
      (await gateway.post(`/v1/quote?for=${encodeURIComponent(nativeOf(FLASH))}`, body)).json();
    expect(await quote()).toMatchObject({ to_draw: 1, warnings: [] });
    expect((await changed(gateway, picture)).status).toBe(200);
    expect(await quote()).toMatchObject({ hits: 1, warnings: [] });
  });

  test('and what is put back for it counts as bytes in flight until it is drawn', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    gateway.simulator.settings.latencyMs = 2_000;
    const asked = changed(gateway, picture);
    const held = (): Promise<number> => scraped(gateway, 'plantain_bytes_in_flight');
    await expect.poll(held, { timeout: 10_000, interval: 20 }).toBeGreaterThan(2 * picture.length + 6_000);
    expect(warningOf(await asked)).toBeNull();
    await expect.poll(held, { timeout: 10_000 }).toBe(0);
  });

  test('that a task has drawn', async () => {
    const gateway = await start();
    const body = { prompt: 'a fox', image_size: '512', output_format: 'png' };
    const accepted = await gateway.post(IMAGES, body, LATER);
    const { data } = await collected(gateway, accepted.headers.get('location') ?? '');
    expect(warningOf(await changed(gateway, data[0]!.b64_json))).toBeNull();
  });
});

describe('a picture is not known', () => {
  test('to another tenant, who is told what is told of a picture that never was', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    const elsewhere = await start({ simulator: { signatureBytes: 6_000, format: 'png' } });
    const stranger = await imageOf(elsewhere, { prompt: 'a hare' });
    const told = async (reply: Response): Promise<unknown> => {
      const own = /^(date|x-request-id|server-timing|cache-status|content-length|x-ratelimit|ratelimit)/;
      return [...reply.headers].filter(([name]) => !own.test(name));
    };
    const ofAcme = await changed(gateway, picture, { headers: OTHER });
    const ofNobody = await changed(gateway, stranger, { headers: OTHER });
    expect(warningOf(ofAcme)).toBe(UNKNOWN);
    expect(await told(ofAcme)).toEqual(await told(ofNobody));
    expect(warningOf(await changed(gateway, picture))).toBeNull();
  });

  test('to another model', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    const body = native([[{ text: 'a fox' }], [nativePart({ picture })], [{ text: 'in snow' }]], 7);
    const pro = { ...body, generationConfig: { seed: 7 } };
    expect(warningOf(await gateway.post(nativeOf('gemini-3-pro-image'), pro))).toBe(UNKNOWN);
  });

  test('once it made room for others, was purged, or its time is over', async () => {
    const clock = { now: Date.now() };
    const gateway = await start({
      now: () => clock.now,
      config: { cache: { store: 'memory', memoryBytes: 1 << 20 }, retention: { signatureDays: 2 } },
    });
    const picture = await imageOf(gateway, {});
    expect(warningOf(await changed(gateway, picture, { seed: 1 }))).toBeNull();
    await gateway.cache.purge({ scope: 'acme' });
    expect(warningOf(await changed(gateway, picture, { seed: 2 }))).toBe(UNKNOWN);

    const again = await imageOf(gateway, { prompt: 'a heron' });
    clock.now += 2 * 86_400_000 + 1;
    expect(warningOf(await changed(gateway, again, { seed: 3 }))).toBe(UNKNOWN);

    const third = await imageOf(gateway, { prompt: 'a crane' });
    for (let seed = 10; seed < 40; seed += 1) await imageOf(gateway, { prompt: 'a crowd', seed });
    expect(warningOf(await changed(gateway, third, { seed: 4 }))).toBe(UNKNOWN);
  });

  test('once the answer it came with was purged by its key', async () => {
    const gateway = await start();
    const body = { prompt: 'a fox', image_size: '512', seed: 7 };
    const reply = await gateway.post(IMAGES, body);
    const picture = (await bodyOf<ImagesReply>(reply)).data[0]!.b64_json;
    const key = /key="(\w+)"/.exec(statusOf(reply) ?? '')?.[1];
    expect(await gateway.cache.purge({ name: `acme:${key}`, scope: 'acme' })).toMatchObject({ entries: 2 });
    expect(warningOf(await changed(gateway, picture))).toBe(UNKNOWN);
  });

  test('where its first request was no-store, which leaves nothing on disk', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {}, { 'cache-control': 'no-store' });
    expect(warningOf(await changed(gateway, picture))).toBe(UNKNOWN);
    const directory = openDirectory();
    const other = await start({ directory });
    await imageOf(other, {}, { 'cache-control': 'no-store' });
    await other.close();
    expect(
      readdirSync(join(directory, 'cache', 'blobs'), { recursive: true, withFileTypes: true }).filter((each) =>
        each.isFile(),
      ),
    ).toEqual([]);
  });

  test('as the model’s where a user sends it as a reference', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    const turn = (data: string): readonly NativePart[] => [nativePart({ picture: data }), { text: 'in snow' }];
    const asReference = await gateway.post(nativeOf(FLASH), native([turn(picture)], 7));
    expect(asReference.status).toBe(200);
    expect(warningOf(asReference)).toBeNull();
    // A rendition of it is another reference: nothing is put in its place.
    const png = await imageOf(gateway, { output_format: 'png' });
    const other = await gateway.post(nativeOf(FLASH), native([turn(png)], 7));
    expect(statusOf(other)).toMatch(/fwd=miss/);
    expect(warningOf(other)).toBeNull();
  });
});

describe('a vendor that refuses a signature', () => {
  const REFUSED =
    "1 picture of earlier answers went up as references of the user's: the vendor did not take the thought signatures";

  test('is asked once more with the picture as a reference, at the price of one', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    gateway.simulator.rule({ fault: 'signature-refused', times: 1 });
    const reply = await changed(gateway, picture);
    expect(warningOf(reply)).toBe(REFUSED);
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.05');
    expect(gateway.simulator.calls.map(({ answered }) => answered?.status)).toEqual([200, 400, 200]);
    // Under what went up it is kept: the next one's signatures may be taken.
    expect(warningOf(await changed(gateway, picture))).toBeNull();
  });

  test('is asked once more out of a budget that has money for one', async () => {
    const tenants = [{ id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 0.1, per: 'day' }] }];
    const gateway = await start({ config: { tenants } });
    const picture = await imageOf(gateway, {});
    gateway.simulator.rule({ fault: 'signature-refused', times: 1 });
    expect(warningOf(await changed(gateway, picture))).toBe(REFUSED);
    const broke = await forgetful.ask(gateway, [user('a hare')]);
    expect(broke.status).toBe(429);
  });

  test('or finds it too large is asked once more without it', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    gateway.simulator.rule({ fault: 'too-large', times: 1 });
    expect(warningOf(await changed(gateway, picture))).toBe(REFUSED);
  });

  test('and refuses again is not asked a third time, and its caller hears why', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    gateway.simulator.rule({ fault: 'signature-refused' });
    const reply = await forgetful.ask(gateway, [user('a fox'), shown(picture), user('in snow')]);
    expect(reply.status).toBe(400);
    expect((await bodyOf<GoogleError>(reply)).error.message).toBe('Thought signature is not valid.');
    expect(gateway.simulator.calls).toHaveLength(3);
  });

  test('is not asked again where another picture of the request may have been paid for', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    const url = `data:image/jpeg;base64,${picture}`;
    gateway.simulator.rule({ fault: 'signature-refused', times: 1 });
    gateway.simulator.rule({ fault: 'reset', times: 1 });
    const reply = await gateway.post('/v1/chat/completions', {
      model: FLASH,
      n: 2,
      messages: [
        { role: 'user', content: 'a fox' },
        { role: 'assistant', content: [{ type: 'image_url', image_url: { url } }] },
        { role: 'user', content: 'in snow' },
      ],
    });
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(Number(reply.headers.get('x-plantain-cost-usd'))).toBeGreaterThan(0);
    expect(gateway.simulator.calls).toHaveLength(3);
  });

  test('is not asked again for a caller who carries signatures: they are its own', async () => {
    const gateway = await start();
    const told = await bodyOf<NativeReply>(await gateway.post(nativeOf(FLASH), native([[{ text: 'a fox' }]], 7)));
    gateway.simulator.rule({ fault: 'signature-refused', times: 1 });
    const turns = [[{ text: 'a fox' }], told.candidates[0]!.content.parts, [{ text: 'in snow' }]];
    const reply = await gateway.post(nativeOf(FLASH), native(turns, 7));
    expect(reply.status).toBe(400);
    expect(gateway.simulator.calls).toHaveLength(2);
  });

  test('is asked under an Idempotency-Key as by any other, and paid once', async () => {
    const gateway = await start();
    const picture = await imageOf(gateway, {});
    const ask = (): Promise<Response> => changed(gateway, picture, { headers: { 'idempotency-key': 'k1' } });
    gateway.simulator.rule({ fault: 'signature-refused', times: 1 });
    expect(warningOf(await ask())).toBe(REFUSED);
    gateway.simulator.rule({ fault: 'signature-refused', times: 1 });
    const again = await ask();
    expect(warningOf(again)).toBe(REFUSED);
    expect(statusOf(again)).toMatch(/^Plantain; hit/);
    expect(gateway.simulator.bill.entries).toHaveLength(2);
  });
});

withRedis('a vendor that refuses a signature, with budgets in Redis', () => {
  test('is asked once more out of a budget that has money for one', async () => {
    const server = await startRedis();
    onTestFinished(() => server.close());
    const tenants = [{ id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 0.1, per: 'day' }] }];
    const gateway = await start({ config: { tenants, state: server.url } });
    const picture = await imageOf(gateway, {});
    gateway.simulator.rule({ fault: 'signature-refused', times: 1 });
    expect(warningOf(await changed(gateway, picture))).toMatch(/did not take the thought signatures/);
  });
});

withRedis('gateways that share a cache in Redis', () => {
  test('know each other’s pictures at once', async () => {
    const server = await startRedis('--appendonly', 'no');
    onTestFinished(() => server.close());
    const config = { cache: { store: server.url } };
    const [one, two] = [await start({ config }), await start({ config })];
    for (const output_format of ['jpeg', 'png']) {
      const picture = await imageOf(one, { output_format });
      expect(warningOf(await changed(two, picture, { seed: output_format.length }))).toBeNull();
      expect(warningOf(await changed(two, picture, { headers: OTHER, seed: output_format.length }))).toBe(UNKNOWN);
    }
  });
});
