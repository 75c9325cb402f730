import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Entries } from '../../src/cache/entry.ts';
import { sizeOfDrawn } from '../../src/cache/head.ts';
import type { CacheKey } from '../../src/cache/key.ts';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import { type EntryTrouble, Shelf } from '../../src/cache/shelf.ts';
import { type EntryStore, StoreDown } from '../../src/cache/store.ts';
import type { Drawn } from '../../src/image/answer.ts';
import type { Json, JsonObject } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { base64, bytes, drawn, readReply, reply, spelledOut } from './samples.ts';

const KEY: CacheKey = { scope: 'acme', digest: '0'.repeat(64) };
const ANY_AGE = { maxAgeSeconds: null };

interface Parts {
  store?: EntryStore;
  readAnswer?: (words: JsonObject) => ReturnType<typeof readReply>;
}

const clock = { now: 1_700_000_000_000 };

function cache({ store = roomy(), readAnswer = readReply }: Parts = {}) {
  clock.now = 1_700_000_000_000;
  const troubles: EntryTrouble[] = [];
  const parts = { now: () => clock.now, onTrouble: (trouble: EntryTrouble) => troubles.push(trouble) };
  const shelf = new Shelf({ tiers: [store], ...parts });
  return { entries: new Entries({ shelf, parseAnswer: readAnswer, ...parts }), store, clock, troubles };
}

function roomy(maxBytes = 10_000_000): MemoryStore {
  return new MemoryStore({ maxBytes, scopeBytes: maxBytes, now: () => clock.now, onEvict: () => {} });
}

/** The same store with something put in the place of some of its verbs. */
function changed(store: EntryStore, verbs: Partial<EntryStore>): EntryStore {
  return new Proxy(store, {
    get(target, verb) {
      const value: unknown = Reflect.get(verb in verbs ? verbs : target, verb, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
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
    const store = roomy();
    await cache({ store }).entries.put(KEY, drawn(), 60);
    const mended = cache({ store, readAnswer: (words) => ({ ...readReply(words), message: 'mended' }) });
    expect((await mended.entries.get(KEY, ANY_AGE))?.drawn.answer.message).toBe('mended');
  });

  it('is read once for as long as memory has it, and anew once another is in its place', async () => {
    let readings = 0;
    const { entries } = cache({ readAnswer: (words) => (readings++, readReply(words)) });
    await entries.put(KEY, drawn(), 60);
    const first = await entries.get(KEY, ANY_AGE);
    clock.now += 10_000;
    const second = await entries.get(KEY, ANY_AGE);
    expect(second?.drawn).toBe(first?.drawn);
    expect([first?.ageSeconds, second?.ageSeconds, readings]).toEqual([0, 10, 1]);
    const other = drawn({ picture: base64(bytes(9000, 5)) });
    await entries.put(KEY, other, 60);
    expect(comparable((await entries.get(KEY, ANY_AGE))!.drawn)).toEqual(comparable(other));
    await entries.delete(KEY);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(readings).toBe(2);
  });

  it.each([
    ['a head of many words', { words: { ...reply(base64(bytes(900)), 'short'), more: Array(500).fill('words') } }],
    ['a long string that is no base64', { words: reply(base64(bytes(900)), LongString.fromText('ä '.repeat(900))) }],
  ])('is read anew at each hit where its store would not count what is remembered: %s', async (_name, fields) => {
    let readings = 0;
    const { entries } = cache({ readAnswer: (words) => (readings++, readReply(words)) });
    await entries.put(KEY, drawn(fields), 60);
    await entries.get(KEY, ANY_AGE);
    await entries.get(KEY, ANY_AGE);
    expect(readings).toBe(2);
  });

  it('is kept under the digest of the bytes its base64 stands for, once for all equal pictures', async () => {
    const { entries, store } = cache();
    const picture = bytes(9000);
    await entries.put(KEY, drawn({ words: reply(base64(picture), 'short'), picture: base64(picture) }), 60);
    const once = store.byteLength;
    await entries.put(
      { ...KEY, scope: 'zeta' },
      drawn({ words: reply(base64(picture, 77), 'other'), picture: base64(picture) }),
      60,
    );
    expect(store.byteLength).toBeLessThan(once + 9000);
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
    const { entries, store } = cache();
    expect(await entries.put(KEY, drawn(), ttlSeconds)).toBe(false);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(store.byteLength).toBe(0);
  });
});

describe('an entry is whole or absent', () => {
  it('a missing blob is a miss, and the head goes with it', async () => {
    const store = roomy();
    await cache({ store }).entries.put(KEY, drawn(), 60);
    const poorer = cache({ store: changed(store, { blob: () => Promise.resolve(null) }) });
    expect(await poorer.entries.get(KEY, ANY_AGE)).toBeNull();
    expect(poorer.troubles).toEqual(['blob_missing']);
    const { entries, troubles } = cache({ store });
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual([]);
  });

  it('one that makes room for another while it is read is a miss like any other', async () => {
    const store = roomy();
    await cache({ store }).entries.put(KEY, drawn(), 60);
    const blob = async (): Promise<null> => {
      await store.clear();
      return null;
    };
    const { entries, troubles } = cache({ store: changed(store, { blob }) });
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual([]);
  });

  it('bytes that found no room are not called stored', async () => {
    const { entries } = cache({ store: roomy(20_000) });
    expect(await entries.put(KEY, drawn(), 60)).toBe(false);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
  });

  it.each<[string, EntryTrouble, (head: string) => string]>([
    ['of another version', 'another_version', (head) => head.replace('"version":1', '"version":2')],
    ['cut short', 'corrupt', (head) => head.slice(0, -20)],
    ['of another shape', 'corrupt', () => '{"version":1}'],
    ['without a version', 'corrupt', (head) => head.replace('"version":1,', '')],
    ['that is no object', 'corrupt', () => '7'],
    ['with a reference that is none', 'corrupt', (head) => head.replaceAll('"kind":"base64"', '"kind":"?"')],
  ])('a head %s is a miss', async (_words, trouble, spoil) => {
    const sound = roomy();
    let isSpoilt = true;
    const store = changed(sound, {
      async get(name) {
        const found = await sound.get(name);
        return found && isSpoilt ? { value: { ...found.value, head: spoil(found.value.head) } } : found;
      },
    });
    const { entries, troubles } = cache({ store });
    await entries.put(KEY, drawn(), 60);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual([trouble]);
    isSpoilt = false;
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(await entries.put(KEY, drawn(), 60)).toBe(true);
    expect(await entries.get(KEY, ANY_AGE)).not.toBeNull();
  });

  it('words that can be read no more are a miss', async () => {
    const store = roomy();
    await cache({ store }).entries.put(KEY, drawn(), 60);
    const unread = () => {
      throw new Error('not a reply');
    };
    const { entries, troubles } = cache({ store, readAnswer: unread });
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual(['corrupt']);
    expect(await store.get(`acme:${KEY.digest}`)).toBeUndefined();
  });
});

describe('a store that fails', () => {
  const fails = () => Promise.reject(new Error('connection lost'));

  it('makes a miss of a look-up and an answer that is not stored, and is told of', async () => {
    const { entries, troubles } = cache({ store: changed(roomy(), { get: fails, set: fails }) });
    expect(await entries.put(KEY, drawn(), 60)).toBe(false);
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual(['store_failed', 'store_failed']);
  });

  it('is noticed for blobs too', async () => {
    const store = roomy();
    await cache({ store }).entries.put(KEY, drawn(), 60);
    const { entries, troubles } = cache({ store: changed(store, { blob: fails }) });
    expect(await entries.get(KEY, ANY_AGE)).toBeNull();
    expect(troubles).toEqual(['store_failed']);
  });

  it('loses nothing by it: what a store that is down could not tell is there when it is up again', async () => {
    const store = roomy();
    await cache({ store }).entries.put(KEY, drawn(), 60);
    const down = cache({ store: changed(store, { blob: () => Promise.reject(new StoreDown('it hangs')) }) });
    expect(await down.entries.get(KEY, ANY_AGE)).toBeNull();
    expect(down.troubles).toEqual([]);
    expect(await cache({ store }).entries.get(KEY, ANY_AGE)).not.toBeNull();
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
