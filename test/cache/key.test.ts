import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cacheKey, keyName } from '../../src/cache/key.ts';
import type { Draw, Modality, Part } from '../../src/image/request.ts';
import type { AspectRatio, Tier } from '../../src/image/size.ts';
import type { Json, JsonObject } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { base64, bytes, draw, inChunks, textPart, userTurn } from './samples.ts';

const RUNS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 1500 : 50_000;

async function digest(fields: Partial<Draw>): Promise<string> {
  return (await cacheKey(draw(fields), 'acme', { tier: '1K' })).digest;
}

describe('a key and what a draw means', () => {
  it('is the same for two draws exactly when they mean the same', async () => {
    await fc.assert(
      fc.asyncProperty(twoMeanings, spelling, spelling, async ([one, other], oneWay, otherWay) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        const digests = [await digest(spell(one, oneWay)), await digest(spell(other, otherWay))];
        expect(digests[0] === digests[1]).toBe(same);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('the scope of a key', () => {
  it('stands outside the digest, so that equal draws of two scopes differ in nothing else', async () => {
    const [mine, yours] = await Promise.all(['acme', 'zeta'].map((scope) => cacheKey(draw(), scope, { tier: '1K' })));
    expect(mine?.digest).toBe(yours?.digest);
    expect(mine?.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(keyName(mine!)).toBe(`acme:${mine!.digest}`);
    expect(keyName(mine!)).not.toBe(keyName(yours!));
  });

  it('cannot be taken for another, whatever it is called', () => {
    const hex = fc.array(fc.constantFrom('0', '7', 'a', 'f'), { minLength: 64, maxLength: 64 }).map((d) => d.join(''));
    const key = fc.record({ scope: fc.string({ unit: fc.constantFrom('a', ':', '0') }), digest: hex });
    fc.assert(
      fc.property(key, key, (one, other) => {
        const same = one.scope === other.scope && one.digest === other.digest;
        expect(keyName(one) === keyName(other)).toBe(same);
      }),
    );
  });
});

describe('a key', () => {
  it('tells the pictures of one request apart by their seeds, and without a seed by their place', async () => {
    expect(await digest({ seed: 7, variant: 0 })).toBe(await digest({ seed: 7, variant: 3 }));
    expect(await digest({ seed: 8, variant: 0 })).not.toBe(await digest({ seed: 7, variant: 0 }));
    expect(await digest({ temperature: 0, variant: 0 })).not.toBe(await digest({ temperature: 0, variant: 1 }));
  });

  it('does not take a text for the picture whose digest it spells', async () => {
    const picture = bytes(100);
    const other: Part = { kind: 'other', fields: { data: picture.toString('base64') } };
    const digests = await Promise.all([
      digest({ turns: [userTurn(picturePart(picture.toString('base64')))] }),
      digest({ turns: [userTurn(textPart(picture.toString('base64')))] }),
      digest({ turns: [userTurn(other)] }),
    ]);
    expect(new Set(digests).size).toBe(3);
  });

  it('reads one long text the same in every spelling, and two as two', async () => {
    const text = 'é/"\u2028\\ '.repeat(1000);
    const json = JSON.stringify(text).slice(1, -1);
    const escaped = json.replaceAll('é', '\\u00e9').replaceAll('/', '\\/');
    const spellings: Json[] = [
      text,
      LongString.fromText(text),
      LongString.fromJson(inChunks(Buffer.from(json), 7), true),
      LongString.fromJson([Buffer.from(escaped)], true),
    ];
    const plain = 'no escapes in here, é '.repeat(500);
    const plainSpellings: Json[] = [
      plain,
      LongString.fromJson(inChunks(Buffer.from(plain), 11), false),
      LongString.fromJson([Buffer.from(plain.replaceAll('é', '\\u00e9'))], true),
    ];
    const digestsOf = (values: Json[]): Promise<string[]> =>
      Promise.all(values.map((value) => digest({ turns: [userTurn({ kind: 'other', fields: { note: value } })] })));
    expect(new Set(await digestsOf(spellings)).size).toBe(1);
    expect(new Set(await digestsOf(plainSpellings)).size).toBe(1);
    expect(new Set(await digestsOf([text, plain, `${plain} `])).size).toBe(3);
  });

  it('tells two long settings apart by a character that lies across two chunks', async () => {
    const [one, other] = await Promise.all(
      ['ä', 'ö'].map((letter) => {
        const chunks = inChunks(Buffer.from(`${'a'.repeat(100)}${letter}${'a'.repeat(1000)}`), 101);
        const threshold = LongString.fromJson(chunks, false);
        return cacheKey(draw({ safety: [{ category: 'ANY', threshold }] as never }), 'acme', { tier: '1K' });
      }),
    );
    expect(one).not.toEqual(other);
  });

  it('is not moved by how a request is billed, queued or logged', async () => {
    const more = {
      request: { labels: { team: 'web' }, serviceTier: 'flex', store: true },
      generationConfig: {},
      imageConfig: {},
    };
    expect(await digest({ more })).toBe(await digest({}));
  });

  it('keeps a PDF apart from the same bytes sent as text', async () => {
    const data = bytes(50).toString('base64');
    const [pdf, text] = await Promise.all(
      ['application/pdf', 'text/plain'].map((type) => digest({ turns: [userTurn(picturePart(data, type))] })),
    );
    expect(pdf).not.toBe(text);
  });

  it('refuses bytes that are no base64 in words for their sender, by their place', async () => {
    const secret = '!!not base64 of a secret!!';
    const turns = [userTurn(textPart('a fox')), userTurn(textPart('and'), picturePart(secret))];
    const refusal = cacheKey(draw({ turns }), 'acme', { tier: '1K' });
    const detail = { code: 'invalid_base64', param: 'contents[1].parts[1].inlineData.data' };
    await expect(refusal).rejects.toMatchObject({ failure: 'invalid_request', detail });
    await expect(refusal).rejects.toThrow(detail.param);
    await expect(refusal).rejects.not.toThrow(secret);
  });
});

/** What a draw means: every field has one spelling here. */
interface Meaning {
  readonly model: string;
  readonly parts: readonly ({ text: string } | { picture: number })[];
  readonly system: string | null;
  readonly modalities: readonly Modality[];
  readonly ratio: AspectRatio | 'of the input';
  readonly tier: Tier;
  readonly seed: number | null;
  readonly temperature: number;
  readonly thinkingLevel: string | null;
  readonly includeThoughts: boolean;
  readonly search: boolean;
  readonly harassment: string | null;
  readonly hate: string | null;
  readonly topP: number;
  readonly maxOutputTokens: number | null;
  readonly unknown: number | null;
  readonly variant: number | 'of no account';
}

const raw: fc.Arbitrary<Meaning> = fc.record({
  model: fc.constantFrom('gemini-3.1-flash-image', 'gemini-3-pro-image'),
  parts: fc.array(
    fc.oneof(
      fc.record({ text: fc.constantFrom('a', 'b', 'a fox', '{"picture":1}') }),
      fc.record({ picture: fc.constantFrom(1, 2, 3) }),
    ),
    { minLength: 1, maxLength: 3 },
  ),
  system: fc.constantFrom(null, 'a', 'b'),
  modalities: fc.constantFrom<readonly Modality[]>(['IMAGE'], ['IMAGE', 'TEXT']),
  ratio: fc.constantFrom<Meaning['ratio']>('1:1', '16:9', 'of the input'),
  tier: fc.constantFrom<Tier>('512', '1K', '2K'),
  seed: fc.constantFrom(null, 0, 1),
  temperature: fc.constantFrom(0, 0.5, 1),
  thinkingLevel: fc.constantFrom(null, 'HIGH'),
  includeThoughts: fc.boolean(),
  search: fc.boolean(),
  harassment: fc.constantFrom(null, 'OFF', 'BLOCK_NONE'),
  hate: fc.constantFrom(null, 'OFF', 'BLOCK_NONE'),
  topP: fc.constantFrom(0.95, 0.5),
  maxOutputTokens: fc.constantFrom(null, 100),
  unknown: fc.constantFrom(null, 1, 2),
  variant: fc.constantFrom(0, 1),
});

const meaning = raw.map((one): Meaning => {
  const hasPicture = one.parts.some((part) => 'picture' in part);
  return {
    ...one,
    ratio: one.ratio === 'of the input' && !hasPicture ? '1:1' : one.ratio,
    variant: one.seed === null ? one.variant : 'of no account',
  };
});

/** Most pairs differ in one field or in none: there a key that forgets a field is found out. */
const twoMeanings = fc
  .tuple(meaning, meaning, fc.constantFrom('same', 'one field', 'any'), fc.nat())
  .map(([one, other, how, which]): [Meaning, Meaning] => {
    if (how === 'any') return [one, other];
    const names = Object.keys(one) as (keyof Meaning)[];
    const name = names[which % names.length]!;
    if (how === 'same' || name === 'seed' || name === 'variant' || name === 'parts') return [one, one];
    const changed = { ...one, [name]: other[name] };
    const hasPicture = one.parts.some((part) => 'picture' in part);
    return [one, changed.ratio === 'of the input' && !hasPicture ? one : changed];
  });

interface Spelling {
  readonly explicit: boolean;
  readonly empties: boolean;
  readonly reversed: boolean;
  readonly base64: 'string' | 'long' | 'url-safe' | 'unpadded' | 'escaped' | 'chunked';
  readonly mimeType: string;
  readonly signature: string | null;
  readonly systemRole: 'user' | 'model';
  readonly variant: number;
}

const spelling: fc.Arbitrary<Spelling> = fc.record({
  explicit: fc.boolean(),
  empties: fc.boolean(),
  reversed: fc.boolean(),
  base64: fc.constantFrom('string', 'long', 'url-safe', 'unpadded', 'escaped', 'chunked'),
  mimeType: fc.constantFrom('image/png', 'image/jpeg'),
  signature: fc.constantFrom(null, 'c2lnbmVk', 'b3RoZXI='),
  systemRole: fc.constantFrom('user', 'model'),
  variant: fc.nat(3),
});

function spell(one: Meaning, way: Spelling): Draw {
  const inOrder = (fields: JsonObject): JsonObject =>
    Object.fromEntries(way.reversed ? Object.entries(fields).toReversed() : Object.entries(fields));
  const optional = (name: string, value: Json, isDefault: boolean): JsonObject =>
    isDefault && !way.explicit ? {} : { [name]: value };
  const empties: JsonObject = way.empties ? { topK: null, stopSequences: [], speechConfig: {} } : {};
  const hasPicture = one.parts.some((part) => 'picture' in part);
  const settings = [
    { category: 'HARM_CATEGORY_HARASSMENT', threshold: one.harassment },
    { category: 'HARM_CATEGORY_HATE_SPEECH', threshold: one.hate },
  ].filter((setting) => setting.threshold !== null);
  const thinking = {
    ...optional('includeThoughts', one.includeThoughts, !one.includeThoughts),
    ...optional('thinkingLevel', one.thinkingLevel, one.thinkingLevel === null),
  };
  const parts = one.parts.map((part): Part => {
    const more = way.empties ? { videoMetadata: {} } : {};
    return 'text' in part
      ? { kind: 'text', text: part.text, thought: false, signature: way.signature, more }
      : { ...picturePart(spellBytes(bytes(97, part.picture), way), way.mimeType), signature: way.signature, more };
  });
  return draw({
    model: one.model,
    turns: [{ role: 'user', parts, more: {} }],
    system: one.system === null ? null : { role: way.systemRole, parts: [textPart(one.system)], more: {} },
    modalities: way.reversed ? one.modalities.toReversed() : one.modalities,
    ratio: one.ratio === 'of the input' || (one.ratio === '1:1' && !hasPicture && !way.explicit) ? null : one.ratio,
    tier: one.tier === '1K' && !way.explicit ? null : one.tier,
    seed: one.seed,
    temperature: one.temperature === 1 && !way.explicit ? null : one.temperature,
    thinking: Object.keys(thinking).length === 0 && !way.empties ? null : inOrder(thinking),
    tools: one.search ? [{ googleSearch: inOrder({ searchTypes: { webSearch: {} }, other: 1 }) }] : [],
    safety: way.reversed ? settings.toReversed().map(inOrder) : settings,
    more: {
      request: {
        ...optional('unknown', one.unknown, one.unknown === null),
        ...(way.empties ? { toolConfig: {} } : {}),
      },
      generationConfig: inOrder({
        ...optional('topP', one.topP, one.topP === 0.95),
        ...optional('candidateCount', 1, true),
        ...optional('maxOutputTokens', one.maxOutputTokens, one.maxOutputTokens === null),
        ...empties,
      }),
      imageConfig: {},
    },
    variant: one.variant === 'of no account' ? way.variant : one.variant,
  });
}

function picturePart(data: LongString | string, mimeType = 'image/png'): Part & { kind: 'picture' } {
  return { kind: 'picture', data, mimeType, thought: false, signature: null, more: {} };
}

function spellBytes(data: Buffer, way: Spelling): LongString | string {
  const text = data.toString('base64');
  switch (way.base64) {
    case 'string':
      return text;
    case 'url-safe':
      return text.replaceAll('+', '-').replaceAll('/', '_');
    case 'unpadded':
      return text.replace(/=+$/, '');
    case 'escaped':
      return LongString.fromJson([Buffer.from(text.replaceAll('/', '\\/').replaceAll('+', '\\u002b'))], true);
    case 'chunked':
      return base64(data, 5);
    default:
      return base64(data);
  }
}
