import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { Signatures } from '../../src/cache/signatures.ts';
import { parseAnswer } from '../../src/dialects/gemini/answer.ts';
import { renderTurn } from '../../src/dialects/gemini/contents.ts';
import { parseRequest } from '../../src/dialects/gemini/request.ts';
import { withSignatures } from '../../src/gateway/history.ts';
import type { Drawn, Picture } from '../../src/image/answer.ts';
import { checkPicture } from '../../src/image/picture.ts';
import { encodePixels } from '../../src/image/rendition.ts';
import type { ImageRequest, Part, PicturePart, Turn } from '../../src/image/request.ts';
import { readContents } from '../../src/simulator/contents.ts';
import type { Content } from '../../src/simulator/schema.ts';
import { createSignatures, fingerprintOf } from '../../src/simulator/signatures.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { flash, geminiCall } from '../dialects/draws.ts';

const WHOSE = { scope: 'acme', model: flash.id, family: 'gemini' };
const studio = createSignatures();
const store = new MemoryStore({ maxBytes: 1 << 24, scopeBytes: 1 << 24, now: Date.now, onEvict: () => undefined });
const shelf = new Shelf({
  tiers: [store],
  now: Date.now,
  onTrouble: (trouble, cause) => {
    throw new Error(trouble, { cause });
  },
});
const signatures = new Signatures({ shelf, ttlSeconds: 60, isShared: false, now: Date.now });

interface Shown {
  readonly text: string;
  readonly vendors: LongString;
  readonly signature: LongString;
  readonly rendition: LongString;
}
const shown: Shown[] = [];
const strangers: LongString[] = [];

async function picture(red: number, format: 'png' | 'jpeg' = 'png'): Promise<Picture> {
  const raw = { data: Buffer.from([red, 20, 30]), width: 1, height: 1, channels: 3 } as const;
  const bytes = await encodePixels({ ...raw, scaleTo: { width: 16, height: 16 } }, format);
  return { data: LongString.fromText(bytes.toString('base64')), info: await checkPicture(bytes) };
}

beforeAll(async () => {
  for (const [index, text] of ['Here it is.\n\n', '', 'Two \u{1f98a}'].entries()) {
    const vendors = await picture(40 * index);
    const bytes = Buffer.from(vendors.data.text(), 'base64');
    const signature = studio.issue(`picture ${index}`, 2_000, fingerprintOf(bytes, bytes.length));
    const words = {
      candidates: [
        {
          content: {
            parts: [
              { text: 'thinking', thought: true },
              ...(text === '' ? [] : [{ text, thoughtSignature: studio.issue(`text ${index}`, 2_000, null) }]),
              { inlineData: { mimeType: 'image/png', data: vendors.data }, thoughtSignature: signature },
            ],
          },
          finishReason: 'STOP',
        },
      ],
    };
    const drawn: Drawn = {
      answer: parseAnswer(words),
      picture: vendors,
      model: flash.id,
      upstream: 'vendor',
      upstreamModel: flash.id,
      costNanos: 0,
      drawnAt: 0,
      drawMs: 0,
    };
    const rendition = await picture(40 * index, 'jpeg');
    await signatures.record(drawn, rendition, WHOSE);
    shown.push({ text, vendors: vendors.data, signature, rendition: rendition.data });
    strangers.push((await picture(200 + index)).data);
  }
});

const marks = { thought: false, signature: null, more: {} } as const;
const textPart = (text: string, more = {}): Part => ({ kind: 'text', text, ...marks, more });
const picturePart = (data: LongString, signature: LongString | null = null): PicturePart => ({
  kind: 'picture',
  data: LongString.fromBase64(data.chunks),
  mimeType: 'image/png',
  ...marks,
  signature,
});

const which = fc.nat({ max: 2 });
const words = fc.oneof(
  fc.string({ minLength: 1, unit: 'grapheme' }),
  which.map((index) => shown[index]!.text || 'none'),
);
const userPart = fc.oneof(
  { weight: 4, arbitrary: words.map((text) => textPart(text)) },
  which.map((index) => picturePart(shown[index]!.vendors)),
  which.map((index) => picturePart(strangers[index]!)),
);
const modelParts: fc.Arbitrary<readonly Part[]> = fc.oneof(
  words.map((text) => [textPart(text)]),
  which.map((index) => [picturePart(strangers[index]!)]),
  which.map((index) => [{ ...picturePart(strangers[index]!), thought: true }]),
  fc.tuple(which, fc.boolean()).map(([index, isVendors]) => {
    const { text, vendors, rendition } = shown[index]!;
    const own = picturePart(isVendors ? vendors : rendition);
    return text === '' ? [own] : [textPart(text), own];
  }),
  // As some chat clients do: the text cut in two.
  which.map((index) => {
    const { text, vendors } = shown[index]!;
    return [textPart(text.slice(0, 3)), textPart(text.slice(3)), picturePart(vendors)];
  }),
  which.map((index) => [picturePart(shown[index]!.vendors, shown[index]!.signature)]),
);
const turnsOf = fc
  .array(
    fc.tuple(
      fc.array(userPart, { minLength: 1, maxLength: 4 }),
      fc.array(modelParts, { minLength: 1, maxLength: 3 }).map((lists) => lists.flat()),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .chain((pairs) => fc.boolean().map((isOpen) => pairs.flat().slice(0, isOpen ? undefined : -1)))
  .map((lists) =>
    lists.map((parts, index): Turn => ({ role: index % 2 === 0 ? 'user' : 'model', parts: [...parts], more: {} })),
  );

function requestOf(turns: readonly Turn[]): ImageRequest {
  return { ...parseRequest({ contents: [{ parts: [{ text: 'x' }] }] }, geminiCall), turns };
}

const revise = (turns: readonly Turn[], restoredBytes = 1 << 24) =>
  withSignatures({ signatures, restoredBytes }, requestOf(turns), WHOSE, {
    model: flash,
    verb: 'put_back',
    hold: () => Promise.resolve(),
  });

/** What each says in its turn, one after the other. */
function said(turns: readonly Turn[]): string[] {
  const told: { role: string; text: string }[] = [];
  for (const { role, parts } of turns) {
    const text = parts.map((part) => (part.kind === 'text' && !part.thought ? part.text : '')).join('');
    const last = told.at(-1);
    if (text === '') continue;
    if (last?.role === role) last.text += text;
    else told.push({ role, text });
  }
  return told.map(({ role, text }) => `${role}: ${text}`);
}

test('whatever was said and shown, the vendor takes it, with every text as it was and in its order', async () => {
  const isUserTurn = ({ role }: Turn): boolean => role === 'user';
  await fc.assert(
    fc.asyncProperty(turnsOf, fc.constantFrom(1 << 24, 6_000, 0), async (turns, restoredBytes) => {
      const { request } = await revise(turns, restoredBytes);
      const contents = request.turns.map(renderTurn) as unknown as Content[];
      const { pictures } = await readContents(contents, undefined, studio, 1_000);
      expect(said(request.turns)).toEqual(said(turns));
      for (const [index, turn] of request.turns.entries())
        expect(turn.role).not.toBe(request.turns[index - 1]?.role ?? 'model');
      // Those of the user all go up; those of the model's as many as there is room for.
      const references = pictures.filter(({ role }) => role === 'user').length;
      const sent = turns.filter(isUserTurn).flatMap(({ parts }) => parts.filter(({ kind }) => kind === 'picture'));
      expect(references).toBeGreaterThanOrEqual(sent.length);
      expect(references).toBeLessThanOrEqual(Math.max(sent.length, flash.maxReferences));
      // What went up differently than it came is told of.
      const told = request.delivery.warnings.join();
      expect(told.includes('went up as references')).toBe(references > sent.length);
    }),
    { numRuns: 300 },
  );
});

test('a turn that comes back whole is the vendor’s own, signatures of its text included', async () => {
  const { text, rendition, vendors } = shown[0]!;
  const turns: Turn[] = [
    { role: 'user', parts: [textPart('a fox')], more: {} },
    { role: 'model', parts: [picturePart(rendition), textPart(text.slice(0, 4)), textPart(text.slice(4))], more: {} },
    { role: 'user', parts: [textPart('in snow')], more: {} },
  ];
  const { request, restored } = await revise(turns);
  expect(restored).toBe(1);
  expect(request.turns[1]!.parts).toMatchObject([
    { kind: 'text', text, signature: { byteLength: 2_000 } },
    { kind: 'picture', mimeType: 'image/png', signature: { byteLength: 2_000 } },
  ]);
  expect((request.turns[1]!.parts[1] as PicturePart).data).toMatchObject({ byteLength: vendors.byteLength });
});

test('beside other words of the caller’s the picture alone is put back, and its words stay', async () => {
  const turns: Turn[] = [
    { role: 'user', parts: [textPart('a fox')], more: {} },
    { role: 'model', parts: [textPart('Something else.'), picturePart(shown[0]!.vendors)], more: {} },
    { role: 'user', parts: [textPart('in snow')], more: {} },
  ];
  const { request } = await revise(turns);
  expect(request.turns[1]!.parts).toMatchObject([
    { kind: 'text', text: 'Something else.', signature: null },
    { kind: 'picture', signature: { byteLength: 2_000 } },
  ]);
});

test('more unknown pictures than the model takes references leave out the oldest, and say so', async () => {
  const turns = Array.from({ length: 40 }, (_, index): Turn => {
    const isUser = index % 2 === 0;
    const parts = isUser ? [textPart(`change ${index}`)] : [picturePart(strangers[index % 3]!)];
    return { role: isUser ? 'user' : 'model', parts, more: {} };
  });
  const { request } = await revise(turns);
  const sent = request.turns.flatMap(({ parts }) => parts.filter(({ kind }) => kind === 'picture'));
  expect(sent).toHaveLength(flash.maxReferences);
  expect(request.turns).toHaveLength(1);
  expect(request.delivery.warnings).toEqual([
    expect.stringContaining(`${flash.maxReferences} pictures of earlier answers went up as references`),
    expect.stringContaining(`${20 - flash.maxReferences} pictures of earlier answers went up in no way`),
  ]);
});

test('room is asked for once, for each answer once, before anything is read', async () => {
  const held: number[] = [];
  const { vendors, rendition } = shown[1]!;
  const turns: Turn[] = [vendors, rendition, vendors].flatMap((data): Turn[] => [
    { role: 'user', parts: [textPart('a fox')], more: {} },
    { role: 'model', parts: [picturePart(data)], more: {} },
  ]);
  await withSignatures({ signatures, restoredBytes: 1 << 24 }, requestOf(turns), WHOSE, {
    model: flash,
    verb: 'put_back',
    hold: async (bytes) => void held.push(bytes),
  });
  expect(held).toEqual([vendors.byteLength + 2_000]);
});

test('what is no base64 is named where its caller wrote it', async () => {
  const broken = { ...picturePart(strangers[0]!), data: LongString.fromText('no base64!') };
  const turns: Turn[] = [
    { role: 'user', parts: [textPart('a fox')], more: {} },
    { role: 'model', parts: [picturePart(strangers[1]!)], more: {} },
    { role: 'user', parts: [textPart('in snow'), broken], more: {} },
  ];
  await expect(revise(turns)).rejects.toMatchObject({ detail: { param: 'contents[2].parts[1].inlineData.data' } });
});
