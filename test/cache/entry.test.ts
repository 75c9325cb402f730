import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Blobs, MemoryBlobs, memoryTexts, type TextStore } from '../../src/cache/blobs.ts';
import { Entries, type EntryTrouble } from '../../src/cache/entry.ts';
import { sizeOfDrawn } from '../../src/cache/head.ts';
import type { CacheKey } from '../../src/cache/key.ts';
import type { Drawn } from '../../src/image/answer.ts';
import type { Json, JsonObject } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { base64, bytes, drawn, readReply, reply, spelledOut } from './samples.ts';

const KEY: CacheKey = { scope: 'acme', digest: '0'.repeat(64) };
const ANY_AGE = { maxAgeSeconds: null };

interface Parts {
  heads?: TextStore;
  blobs?: Blobs;
  readAnswer?: (words: JsonObject) => ReturnType<typeof readReply>;
}

function cache({ heads = memoryTexts(1_000_000), blobs = roomy(), readAnswer = readReply }: Parts = {}) {
  const clock = { now: 1_700_000_000_000 };
  const troubles: EntryTrouble[] = [];
  const entries = new Entries({
    heads,
    blobs,
    parseAnswer: readAnswer,
    now: () => clock.now,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  return { entries, heads, blobs, clock, troubles };
}

function roomy(maxBytes = 10_000_000): MemoryBlobs {
  return new MemoryBlobs({ maxBytes, onEvict: () => {} });
}

function comparable({ answer, picture, ...rest }: Drawn): unknown {
  return { ...rest, words: spelledOut(answer.words), data: picture.data.text(), info: picture.info };
}

describe('an entry', () => {
  it('comes back equal to what was put in, with its long strings shared', async () => {
    const { entries, troubles } = cache();
    const put = drawn();
    expect(await entries.put(KEY, put, 60)).toBe(true);
    const hit = await entries.get(KEY, ANY_AGE);
    expect(comparable(hit!.drawn)).toEqual(comparable(put));
    expect(hit!.drawn.answer).toEqual({
      ...put.answer,
      words: hit!.drawn.answer.words,
      parts: hit!.drawn.answer.parts,
    });
    const [first] = hit!.drawn.answer.parts;
    expect(first?.kind === 'picture' && first.data).toBe(hit!.drawn.picture.data);
    expect(troubles).toEqual([]);
  });

  it('comes back equal whatever the upstream said and however it spelt it', async () => {
    const { entries, troubles } = cache({ readAnswer: (words) => ({ ...readReply({}), words }) });
    await fc.assert(
      fc.asyncProperty(someWords, async (words) => {
        const put = drawn({ words });
        expect(await entries.put(KEY, put, 60)).toBe(true);
        const hit = await entries.get(KEY, ANY_AGE);
        expect(JSON.stringify(spelledOut(hit!.drawn.answer.words))).toBe(JSON.stringify(spelledOut(words)));
      }),
      { numRuns: 300 },
    );
    expect(troubles).toEqual([]);
  });

  it('puts each long string back in its own place, however the fields are called', async () => {
    const { entries } = cache();
    const [one, two, three, four] = [1, 2, 3, 4].map((start) => base64(bytes(60, start)));
    const words: JsonObject = { 'a/b': one!, a: { b: two!, 'c~1d': three!, 'c/d': four! } };
    await entries.put(KEY, drawn({ words }), 60);
    expect(spelledOut((await entries.get(KEY, ANY_AGE))!.drawn.answer.words)).toEqual(spelledOut(words));
  });

  it('has its answer read anew from the words', async () => {
    const heads = memoryTexts(1_000_000);
    const blobs = roomy();
    await cache({ heads, blobs }).entries.put(KEY, drawn(), 60);
    const mended = cache({ heads, blobs, readAnswer: (words) => ({ ...readReply(words), message: 'mended' }) });
    expect((await mended.entries.get(KEY, ANY_AGE))?.drawn.answer.message).toBe('mended');
  });

  it('is kept under the digest of the bytes its base64 stands for, once for all equal pictures', async () => {
    const { entries, blobs } = cache();
    const picture = bytes(9000);
    await entries.put(KEY, drawn({ words: reply(base64(picture), 'short'), picture: base64(picture) }), 60);
    const once = blobs.byteLength;
    await entries.put(
      { ...KEY, scope: 'zeta' },
      drawn({ words: reply(base64(picture, 77), 'other'), picture: base64(picture) }),
      60,
    );
    expect(blobs.byteLength).toBe(once);
  });

  it('is of one scope only', async () => {
    const { entries } = cache();
    await entries.put(KEY, drawn(), 60);
    expect(await entries.get({ ...KEY, scope: 'zeta' }, ANY_AGE)).toBeNull();
  });

  it('can be deleted', async () => {
    const { entries } = cache();
    await entries.put(KEY, drawn(), 60);
    await entries.delete(KEY);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
  });
});

describe('the age of an entry', () => {
  it('grows with the clock until the entry is gone', async () => {
    const { entries, clock } = cache();
    await entries.put(KEY, drawn(), 60);
    expect(await entries.get(KEY, ANY_AGE)).toMatchObject({ ageSeconds: 0, ttlSeconds: 60 });
    clock.now += 42_900;
    expect(await entries.get(KEY, ANY_AGE)).toMatchObject({ ageSeconds: 42, ttlSeconds: 17 });
    clock.now += 17_100;
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
  });

  it('is never more than the caller accepts, to the millisecond', async () => {
    const { entries, clock } = cache();
    await entries.put(KEY, drawn(), 60);
    clock.now += 10_000;
    expect(await entries.get(KEY, { maxAgeSeconds: 10 })).not.toBeNull();
    clock.now += 1;
    expect(await entries.get(KEY, { maxAgeSeconds: 10 })).toBeNull();
    expect(await entries.get(KEY, { maxAgeSeconds: 0 })).toBeNull();
    expect(await entries.get(KEY, { maxAgeSeconds: 11 })).not.toBeNull();
  });

  it('is not negative when the clock was set back', async () => {
    const { entries, clock } = cache();
    await entries.put(KEY, drawn(), 60);
    clock.now -= 3_600_000;
    expect(await entries.get(KEY, ANY_AGE)).toMatchObject({ ageSeconds: 0 });
  });

  it.each([0, -1, Number.NaN])('is never for ever: a time to live of %d keeps nothing', async (ttlSeconds) => {
    const { entries, blobs } = cache();
    expect(await entries.put(KEY, drawn(), ttlSeconds)).toBe(false);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(blobs.byteLength).toBe(0);
  });
});

describe('an entry is whole or absent', () => {
  it('a missing blob is a miss, and the head goes with it', async () => {
    const { entries, heads, troubles } = cache();
    await entries.put(KEY, drawn(), 60);
    const poorer = cache({ heads });
    expect(await poorer.entries.get(KEY, ANY_AGE)).toBeNull();
    expect(poorer.troubles).toEqual(['blob_missing']);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual([]);
  });

  it('bytes that found no room are not called stored', async () => {
    const { entries, heads } = cache({ blobs: roomy(20_000) });
    expect(await entries.put(KEY, drawn(), 60)).toBe(false);
    expect(heads.get('acme:' + KEY.digest)).toBeUndefined();
  });

  it('a head that found no room is not called stored', async () => {
    const { entries } = cache({ heads: memoryTexts(100) });
    expect(await entries.put(KEY, drawn(), 60)).toBe(false);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
  });

  it('no head is written before every blob is', async () => {
    const order: string[] = [];
    const blobs = roomy();
    const put = blobs.put.bind(blobs);
    blobs.put = async (digest, blob) => {
      await put(digest, blob);
      order.push('blob');
    };
    const texts = memoryTexts(1_000_000);
    const heads = { ...texts, set: (key: string, text: string) => order.push('head') > 0 && texts.set(key, text) };
    await cache({ heads, blobs }).entries.put(KEY, drawn(), 60);
    expect(order).toEqual(['blob', 'blob', 'head']);
  });

  it.each<[string, EntryTrouble, (head: string) => string]>([
    ['of another version', 'another_version', (head) => head.replace('"version":1', '"version":2')],
    ['cut short', 'corrupt', (head) => head.slice(0, -20)],
    ['of another shape', 'corrupt', () => '{"value":{"version":1}}'],
    ['without a version', 'corrupt', (head) => head.replace('"version":1,', '')],
    ['that is no object', 'corrupt', () => '{"value":7}'],
    ['with a reference that is none', 'corrupt', (head) => head.replaceAll('"kind":"base64"', '"kind":"?"')],
  ])('a head %s is a miss', async (_words, trouble, spoil) => {
    const { entries, heads, troubles } = cache();
    await entries.put(KEY, drawn(), 60);
    const name = `acme:${KEY.digest}`;
    heads.set(name, spoil(heads.get(name)!));
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual([trouble]);
    expect(await entries.put(KEY, drawn(), 60)).toBe(true);
    expect(await entries.get(KEY, ANY_AGE)).not.toBeNull();
  });

  it('words that can be read no more are a miss', async () => {
    const heads = memoryTexts(1_000_000);
    const blobs = roomy();
    await cache({ heads, blobs }).entries.put(KEY, drawn(), 60);
    const unread = () => {
      throw new Error('not a reply');
    };
    const { entries, troubles } = cache({ heads, blobs, readAnswer: unread });
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual(['corrupt']);
    expect(heads.get(`acme:${KEY.digest}`)).toBeUndefined();
  });
});

describe('a store that fails', () => {
  const fails = () => Promise.reject(new Error('connection lost'));

  it('makes a miss of a look-up and an answer that is not stored, and is told of', async () => {
    const blobs: Blobs = { get: fails, put: fails, has: fails, delete: fails, byteLength: 0 };
    const { entries, heads, troubles } = cache({ blobs });
    expect(await entries.put(KEY, drawn(), 60)).toBe(false);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual(['store_failed']);
    await cache({ heads }).entries.put(KEY, drawn(), 60);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual(['store_failed', 'store_failed']);
  });

  it('is noticed for heads too', async () => {
    const throws = (): never => {
      throw new Error('connection lost');
    };
    const { entries, troubles } = cache({ heads: { get: throws, set: throws, delete: throws, clear: throws } });
    expect(await entries.put(KEY, drawn(), 60)).toBe(false);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual(['store_failed', 'store_failed']);
  });
});

describe('the size of an answer', () => {
  it('counts every long string once', () => {
    const picture = base64(bytes(9000));
    const signature = base64(bytes(30_000));
    expect(sizeOfDrawn(drawn({ words: reply(picture, signature), picture }))).toBe(12_000 + 40_000);
  });
});

const text = fc.string({ unit: 'grapheme' });
const longString = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((data) => base64(data, 7)),
  fc.uint8Array({ maxLength: 40 }).map((data) => LongString.fromText(Buffer.from(data).toString('base64url'))),
  fc.constantFrom('QQ==', 'QR==', 'QQ', 'Q', '!', 'QQ==QQ==', '').map((odd) => LongString.fromText(odd)),
  text.map((words) => LongString.fromText(words)),
  fc.constant(LongString.fromJson([Buffer.from('A\\/A\\u003d')], true)),
);

const leaf = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), text, longString, longString);
const name = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', '/', '~', '~1', 'a/b', 'toJSON', 'version'));

const { value: someValue } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((fields) => Object.fromEntries(fields)),
  ),
}));

const someWords: fc.Arbitrary<JsonObject> = fc
  .array(fc.tuple(name, someValue), { maxLength: 5 })
  .map((fields) => Object.fromEntries(fields));
