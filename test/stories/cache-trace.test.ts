import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply } from '../support/wire.ts';

const IS_LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;
const REQUESTS = IS_LONG ? 10_000 : 800;
const NEW_PICTURES = Math.round(REQUESTS * 0.65);
const AT_ONCE = 8;
/** So little that most hits are of the disk: a machine that is busy with other tests is too slow for its deadlines. */
const MEMORY_BYTES = IS_LONG ? 8 << 20 : 256 << 20;

/** A picture somebody wants. Prompts come back with other seeds and shapes: only the whole of it is what is cached. */
interface Wish {
  readonly key: string;
  readonly prompt: string;
  readonly seed: number;
  readonly tier: '512' | '1K';
  readonly ratio: '1:1' | '16:9';
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64, latencyMs: 5 },
    config: { cache: { store: 'disk', memoryBytes: MEMORY_BYTES, diskBytes: 1 << 30 } },
  });
});
afterAll(() => gateway.close());

test(
  `${REQUESTS} requests of two tenants, 35 % of them repeats in other words: as many calls as pictures, and no wrong hit`,
  { timeout: IS_LONG ? 1_800_000 : 60_000 },
  async () => {
    const random = randomOf(20_261_127);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
    const wishes: Wish[] = [];
    const trace = Array.from({ length: REQUESTS }, (_, index) => {
      const left = NEW_PICTURES - wishes.length;
      if (wishes.length > 0 && random() >= left / (REQUESTS - index)) return spell(pick(wishes), pick);
      const wish = newWish(wishes.length, pick);
      wishes.push(wish);
      return spell(wish, pick);
    });
    expect(wishes.length).toBeGreaterThan(REQUESTS * 0.6);

    const pictures = new Map<string, string>();
    let hits = 0;
    const remaining = trace.values();
    const ask = async (): Promise<void> => {
      for (const { wish, path, body, headers } of remaining) {
        const reply = await gateway.post(path, body, { authorization: `Bearer ${wish.key}`, ...headers });
        expect(reply.status, JSON.stringify(body)).toBe(200);
        const status = reply.headers.get('cache-status') ?? '';
        if (/; hit|; collapsed/.test(status)) hits += 1;
        else expect(status).toMatch(/^Plantain; fwd=miss; stored/);
        const picture = digestOf(await bodyOf<ImagesReply | NativeReply>(reply));
        const name = JSON.stringify(wish);
        expect(pictures.get(name) ?? picture, name).toBe(picture);
        pictures.set(name, picture);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));

    expect(pictures.size).toBe(wishes.length);
    expect(gateway.simulator.calls).toHaveLength(wishes.length);
    expect(hits).toBe(REQUESTS - wishes.length);
    // The simulator draws what it is asked for: who got another's picture would have two wishes with one.
    const ofTenant = (key: string): string[] =>
      [...pictures].filter(([name]) => (JSON.parse(name) as Wish).key === key).map(([, picture]) => picture);
    for (const key of [KEY, OTHER_KEY]) expect(new Set(ofTenant(key)).size).toBe(ofTenant(key).length);
  },
);

function newWish(index: number, pick: <T>(choices: readonly T[]) => T): Wish {
  // One wish in eight differs from the one before it in its tenant, seed or shape alone.
  return {
    key: index % 8 === 1 ? OTHER_KEY : KEY,
    prompt: `"fox" no. ${Math.floor(index / 8)}, in snow \\ 雪 🦊`,
    seed: index % 8 < 2 ? 7 : 100 + index,
    tier: index % 8 === 2 ? '1K' : '512',
    ratio: pick(['1:1', '16:9']),
  };
}

/** The wish in one of the many ways to say it. */
function spell(wish: Wish, pick: <T>(choices: readonly T[]) => T) {
  const { prompt, seed, tier, ratio } = wish;
  const headers = pick<Record<string, string>>([
    {},
    { 'user-agent': 'OpenAI/JS 7.57.0', 'x-stainless-retry-count': '1' },
    { 'x-plantain-tags': `team=${pick(['web', 'print'])}` },
    { 'cache-control': 'max-age=86400' },
  ]);
  const size = pick(tier === '512' ? ['512', '512px', '0.5K', '.5k'] : ['1K', '1k', '1024px']);
  const model = pick(['gemini-3.1-flash-image', 'gemini-3.1-flash-image-preview', 'nano-banana-2']);
  if (pick([true, false])) {
    const shape = pick([
      { aspect_ratio: ratio, image_size: size },
      { size: ratio, imageSize: size },
      { extra_body: { google: { image_config: { aspect_ratio: ratio, image_size: size } } } },
    ]);
    const noise = pick([
      {},
      { n: 1, user: pick(['ann', 'bob']) },
      { response_format: 'b64_json', quality: 'auto' },
      { moderation: 'auto', n: 1 },
    ]);
    const name = pick([{ model }, {}, { model: 'gpt-image-1.5' }]);
    const body = shuffled(Object.entries({ prompt, seed, ...shape, ...noise, ...name }), pick);
    return { wish, path: pick(['/v1/images/generations', '/v1beta/openai/images/generations']), body, headers };
  }
  const imageConfig = pick([
    { imageConfig: { aspectRatio: ratio, imageSize: size } },
    { image_config: { aspect_ratio: ratio, image_size: size } },
  ]);
  const modalities = pick([{ responseModalities: ['IMAGE'] }, { response_modalities: ['image'] }]);
  const settings = shuffled(Object.entries({ seed, ...imageConfig, ...modalities }), pick);
  const turn = pick([{ parts: [{ text: prompt }] }, { role: 'user', parts: [{ text: prompt }] }]);
  const body = pick([
    { contents: [turn], generationConfig: settings },
    { generation_config: settings, contents: [turn] },
  ]);
  return { wish, path: `/${pick(['v1beta', 'v1'])}/models/${model}:generateContent`, body, headers };
}

function shuffled(fields: [string, unknown][], pick: <T>(choices: readonly T[]) => T): Record<string, unknown> {
  const order: [string, unknown][] = [];
  while (fields.length > 0) {
    const next = pick(fields);
    fields = fields.filter((field) => field !== next);
    order.push(next);
  }
  return Object.fromEntries(order);
}

function digestOf(reply: ImagesReply | NativeReply): string {
  const base64 =
    'data' in reply
      ? reply.data[0]!.b64_json
      : reply.candidates[0]!.content.parts.find(({ inlineData }) => inlineData)!.inlineData!.data;
  return createHash('sha256').update(base64, 'base64').digest('hex');
}

/** Mulberry32: the same trace in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
