import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRequest as parseNative } from '../../../src/dialects/gemini/request.ts';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import { ASPECT_RATIOS, TIERS } from '../../../src/image/size.ts';
import type { Json, JsonObject } from '../../../src/wire/json.ts';
import { drawOf, geminiCall, received } from '../draws.ts';

const goesUp = (body: JsonObject) => gemini.renderRequest(drawOf(parseNative(body, geminiCall)));

/** A request as it comes out of the house: canonical names, modalities sorted, nothing that says nothing. */
const word = fc.constantFrom('fancy_thing', 'x-y', 'Ünknown', '__proto__', 'newName', 'a');
const opaque = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
const unknown = fc
  .uniqueArray(fc.tuple(word, opaque), { maxLength: 2, selector: ([name]) => name })
  .map((entries) => Object.fromEntries(entries));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const marks = { thought: optional(fc.constant(true)), thoughtSignature: optional(fc.string({ minLength: 1 })) };
const text = fc.record({ text: fc.string({ unit: 'binary' }), ...marks });
const blob = fc.record({
  mimeType: fc.constantFrom('image/png', 'application/pdf'),
  data: fc.base64String({ minLength: 4 }),
  displayName: optional(fc.string()),
});
const picture = fc.record({
  inlineData: blob,
  ...marks,
  mediaResolution: optional(fc.constant({ level: 'MEDIA_RESOLUTION_HIGH' })),
});
const other = fc.oneof(
  fc.record({ fileData: fc.record({ mimeType: fc.string(), fileUri: fc.webUrl() }), ...marks }),
  fc.record({ functionCall: fc.record({ name: fc.string(), args: unknown }) }),
  fc.record({ codeExecutionResult: fc.constant({ outcome: 'OUTCOME_OK', output: 'x' }) }),
);
const part = fc.tuple(fc.oneof(text, picture, other), unknown).map(([known, unknown]) => ({ ...unknown, ...known }));
const turn = fc.record({
  role: fc.constantFrom('user', 'model'),
  parts: fc.array(part, { minLength: 1, maxLength: 3 }),
});
const someOf = (shape: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(shape, { requiredKeys: [] }).filter((value) => Object.keys(value).length > 0);
const canonicalRequest = fc.record(
  {
    contents: fc.array(
      fc.tuple(turn, unknown).map(([turn, unknown]) => ({ ...unknown, ...turn })),
      { minLength: 1, maxLength: 3 },
    ),
    systemInstruction: fc.record({ role: fc.constant('user'), parts: fc.array(text, { minLength: 1, maxLength: 2 }) }),
    tools: fc.array(fc.oneof(fc.constant({ googleSearch: { searchTypes: { webSearch: {} } } }), unknown), {
      minLength: 1,
      maxLength: 2,
    }),
    safetySettings: fc.array(
      fc.record({ category: fc.constant('HARM_CATEGORY_HARASSMENT'), threshold: fc.constantFrom('OFF', 'BLOCK_NONE') }),
      { minLength: 1, maxLength: 2 },
    ),
    cachedContent: fc.string(),
    labels: unknown,
    generationConfig: fc
      .tuple(
        fc.record(
          {
            responseModalities: fc.constantFrom(['IMAGE'], ['IMAGE', 'TEXT'], ['TEXT']),
            seed: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
            temperature: fc.constantFrom(0, 0.5, 2),
            topP: fc.double({ min: 0, max: 1, noNaN: true }),
            responseJsonSchema: unknown,
            mediaResolution: fc.constant('MEDIA_RESOLUTION_LOW'),
            imageConfig: someOf({
              aspectRatio: fc.constantFrom(...ASPECT_RATIOS),
              imageSize: fc.constantFrom(...TIERS),
              personGeneration: fc.constant('ALLOW_ALL'),
            }),
            thinkingConfig: someOf({
              thinkingLevel: fc.constantFrom('HIGH', 'MINIMAL'),
              includeThoughts: fc.boolean(),
              thinkingBudget: fc.integer(),
            }),
          },
          { requiredKeys: ['responseModalities'] },
        ),
        unknown,
      )
      .map(([known, unknown]) => ({ ...unknown, ...known })),
  },
  { requiredKeys: ['contents', 'generationConfig'] },
) as unknown as fc.Arbitrary<JsonObject>;

const OPAQUE = new Set([
  'args',
  'labels',
  'responseJsonSchema',
  'fancy_thing',
  'x-y',
  'Ünknown',
  '__proto__',
  'newName',
  'a',
]);
const ENUMS = new Set([
  'level',
  'category',
  'threshold',
  'mediaResolution',
  'thinkingLevel',
  'responseModalities',
  'outcome',
  'personGeneration',
]);

/** The same request as a careless client writes it: any name in either spelling, any enum in any case. */
function misspell(value: Json, coins: () => boolean): Json {
  if (Array.isArray(value)) return value.map((item) => misspell(item, coins));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value as JsonObject).map(([name, inner]): [string, Json] => {
    if (OPAQUE.has(name)) return [name, inner];
    const spelt = coins() ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
    const lower = (word: Json): Json => (typeof word === 'string' ? word.toLowerCase() : word);
    if (ENUMS.has(name) && coins()) return [spelt, Array.isArray(inner) ? inner.map(lower) : lower(inner)];
    return [spelt, misspell(inner, coins)];
  });
  return Object.fromEntries(entries);
}

test('a native request reaches the upstream without loss, in whatever spelling it came', () => {
  const numRuns = process.env.PLANTAIN_TEST_LONG ? 5_000 : 400;
  fc.assert(
    fc.property(canonicalRequest, fc.infiniteStream(fc.boolean()), (request, coins) => {
      const canonical = received(JSON.stringify(request));
      const careless = misspell(canonical, () => coins.next().value === true) as JsonObject;
      const up = received(JSON.stringify(goesUp(careless)));
      expect(up).toEqual(canonical);
      expect(goesUp(up)).toEqual(up);
    }),
    { numRuns },
  );
});
