import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePixels } from '../../src/image/rendition.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { FLASH, partsOf, pictureOf, post, PRO, prompt } from './client.ts';

let simulator: Simulator;
let red: string;

beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, format: 'png' });
  const pixels = { data: Buffer.from([255, 0, 0]), width: 1, height: 1, channels: 3 as const };
  red = (await encodePixels({ ...pixels, scaleTo: { width: 320, height: 180 } }, 'png')).toString('base64');
});
afterAll(() => simulator.close());

async function refused(body: unknown, model = FLASH): Promise<string> {
  const { status, json } = await post(simulator, body, { model });
  expect(status).toBe(400);
  expect(json.error).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT' });
  return json.error?.message ?? '';
}

const withParts = (...parts: unknown[]): unknown => ({ contents: [{ role: 'user', parts }] });
const picture = (data: string, mimeType = 'image/png'): unknown => ({ inlineData: { mimeType, data } });

describe('the JSON of a request', () => {
  it.each([
    [{ x: 1 }, 'Invalid JSON payload received. Unknown name "x": Cannot find field.'],
    [
      prompt('a', { x: 1 }),
      `Invalid JSON payload received. Unknown name "x" at 'generation_config': Cannot find field.`,
    ],
    [
      prompt('a', { imageConfig: { personGeneration: 'ALLOW_ALL' } }),
      `Invalid JSON payload received. Unknown name "personGeneration" at 'generation_config.image_config': Cannot find field.`,
    ],
    [
      { contents: [{ parts: [{ text: 'a' }, { txt: 'b' }] }] },
      `Invalid JSON payload received. Unknown name "txt" at 'contents[0].parts[1]': Cannot find field.`,
    ],
    [withParts({ text: 42 }), `Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 42`],
    [prompt('a', { seed: 'x' }), `Invalid value at 'generation_config.seed' (TYPE_INT32), "x"`],
    [prompt('a', { seed: 1.5 }), `Invalid value at 'generation_config.seed' (TYPE_INT32), 1.5`],
    [prompt('a', { seed: 2 ** 31 }), `Invalid value at 'generation_config.seed' (TYPE_INT32), 2147483648`],
    [
      prompt('a', { imageConfig: { imageSize: 512 } }),
      `Invalid value at 'generation_config.image_config.image_size' (TYPE_STRING), 512`,
    ],
    [
      prompt('a', { responseModalities: ['PICTURE'] }),
      `Invalid value at 'generation_config.response_modalities[0]' (type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.Modality), "PICTURE"`,
    ],
    [
      { contents: 'a fox' },
      `Invalid value at 'contents' (type.googleapis.com/google.ai.generativelanguage.v1beta.Content), "a fox"`,
    ],
    [
      prompt('a', { seed: [7] }),
      `Invalid JSON payload received. Unknown name "seed" at 'generation_config': Proto field is not repeating, cannot start list.`,
    ],
    [
      prompt('a', { seed: {} }),
      `Invalid JSON payload received. Unknown name "seed" at 'generation_config': Starting an object on a scalar field.`,
    ],
  ])('is refused where it does not fit: %j', async (body, message) => {
    expect(await refused(body)).toBe(message);
  });

  it('is refused with every violation at once, and the fields they are in', async () => {
    const { json } = await post(simulator, { ...prompt('a', { x: 1, seed: 'y' }), z: 1 });
    expect(json.error?.message.split('\n')).toHaveLength(3);
    expect(json.error?.details).toEqual([
      {
        '@type': 'type.googleapis.com/google.rpc.BadRequest',
        fieldViolations: [
          expect.objectContaining({ field: 'generation_config' }),
          expect.objectContaining({ field: 'generation_config.seed' }),
          { description: 'Invalid JSON payload received. Unknown name "z": Cannot find field.' },
        ],
      },
    ]);
  });

  it.each(['{"contents":', '{"contents":[]}}', '[1]', '"x"', '{"a":\u0001}'])(
    'is refused when it is none: %s',
    async (body) => {
      expect(await refused(body)).toMatch(/^Invalid JSON payload received\./);
    },
  );

  it('may use snake_case at every depth, any case for enums, numbers as strings, and one value for a list', async () => {
    const body = {
      contents: { parts: { text: 'a fox' } },
      system_instruction: { parts: [{ text: 'draw' }] },
      safety_settings: [{ category: 'harm_category_harassment', threshold: 'block_none' }],
      generation_config: {
        seed: '7',
        response_modalities: ['Image'],
        image_config: { aspect_ratio: '16:9', image_size: '512' },
        thinking_config: { thinking_level: 'high', include_thoughts: false },
        candidate_count: null,
      },
    };
    const { status, json } = await post(simulator, body);
    expect(status).toBe(200);
    expect(await pictureOf(json)).toMatchObject({ width: 688, height: 384 });
  });

  it('means the same in both spellings', async () => {
    const camel = prompt('a fox', { seed: 7, imageConfig: { aspectRatio: '4:5' }, responseModalities: ['IMAGE'] });
    const snake = {
      contents: camel['contents'],
      generation_config: { seed: 7, image_config: { aspect_ratio: '4:5' } },
    };
    const [one, other] = await Promise.all([post(simulator, camel), post(simulator, snake)]);
    expect(partsOf(other.json)[1]?.inlineData).toEqual(partsOf(one.json)[0]?.inlineData);
  });
});

describe('the meaning of a request', () => {
  const INVALID = 'Request contains an invalid argument.';

  it.each([
    [{ imageSize: '1k' }, FLASH],
    [{ imageSize: '512px' }, FLASH],
    [{ imageSize: '0.5K' }, FLASH],
    [{ imageSize: '8K' }, FLASH],
    [{ imageSize: '512' }, PRO],
    [{ aspectRatio: '1:8' }, PRO],
    [{ aspectRatio: '9:21' }, FLASH],
    [{ aspectRatio: 'auto' }, FLASH],
    [{ imageSize: '2K' }, 'gemini-3.1-flash-lite-image'],
    [{ imageSize: '2K' }, 'gemini-2.5-flash-image'],
  ])('does not reach %j of %s', async (imageConfig, model) => {
    expect(await refused(prompt('a fox', { imageConfig }), model)).toBe(INVALID);
  });

  it.each([
    [
      { thinkingConfig: { thinkingLevel: 'HIGH', thinkingBudget: 1024 } },
      FLASH,
      /only one of thinking budget and thinking level/,
    ],
    [{ thinkingConfig: { thinkingLevel: 'HIGH' } }, PRO, /Thinking level is not supported for this model/],
    [{ thinkingConfig: { thinkingLevel: 'MEDIUM' } }, FLASH, /Thinking level is not supported for this model/],
    [{ thinkingConfig: { thinkingBudget: 0 } }, FLASH, /only works in thinking mode/],
    [{ candidateCount: 2 }, FLASH, /Multiple candidates is not enabled/],
    [{ temperature: 2.1 }, FLASH, /generation_config\.temperature/],
    [{ topP: -1 }, FLASH, /generation_config\.top_p/],
    [{ maxOutputTokens: 0 }, FLASH, /generation_config\.max_output_tokens/],
    [{ responseModalities: ['AUDIO'] }, FLASH, /modalities \(AUDIO\)/],
    [{ responseMimeType: 'application/json' }, FLASH, /JSON mode is not enabled/],
  ])('does not allow %j on %s', async (config, model, message) => {
    expect(await refused(prompt('a fox', config), model)).toMatch(message);
  });

  it.each([
    [{}, /contents is not specified/],
    [{ contents: [] }, /contents is not specified/],
    [{ contents: [{ parts: [] }] }, /contents\[0\]\.parts: contents\.parts must not be empty/],
    [withParts({}), /contents\[0\]\.parts\[0\]\.data: required oneof field 'data'/],
    [withParts({ text: 'a', inlineData: { mimeType: 'image/png', data: '' } }), /oneof field 'data' is already set/],
    [{ contents: [{ role: 'assistant', parts: [{ text: 'a' }] }] }, /Please use a valid role: user, model\./],
    [{ ...prompt('a'), tools: [{ functionDeclarations: [{ name: 'f' }] }] }, /Function calling is not enabled/],
    [{ ...prompt('a'), tools: [{ codeExecution: {} }] }, /codeExecution is not enabled/],
    [{ ...prompt('a'), cachedContent: 'cachedContents/x' }, /CachedContent not found/],
    [withParts(picture('AAAA', 'video/mp4')), /Unsupported MIME type: video\/mp4/],
    [withParts(picture('AAAA', 'audio/wav')), /Unsupported MIME type: audio\/wav/],
    [withParts(picture('AAAA', 'image/gif')), /Unsupported MIME type: image\/gif/],
    [withParts(picture('AAAA')), /^Unable to process input image\./],
    [withParts(picture('A!A=')), /\(TYPE_BYTES\), Base64 decoding failed for "A!A="/],
  ])('is complete and of a kind the model takes: %j', async (body, message) => {
    expect(await refused(body)).toMatch(message);
  });

  it('allows image search on Flash only', async () => {
    const body = { ...prompt('a'), tools: [{ googleSearch: { searchTypes: { imageSearch: {} } } }] };
    expect(await refused(body, PRO)).toMatch(/Image search is not enabled/);
    expect((await post(simulator, body)).status).toBe(200);
  });

  it('allows fourteen pictures and no more', async () => {
    const parts = (count: number): unknown[] => [{ text: 'a' }, ...Array(count).fill(picture(red))];
    expect((await post(simulator, withParts(...parts(14)))).status).toBe(200);
    expect(await refused(withParts(...parts(15)))).toBe(INVALID);
  });

  it('has pictures whole', async () => {
    const half = Buffer.from(red, 'base64').subarray(0, 60).toString('base64');
    expect(await refused(withParts(picture(half)))).toMatch(/^Unable to process input image\./);
  });

  it('reads both alphabets of base64, padded or not', async () => {
    const urlSafe = Buffer.from(red, 'base64').toString('base64url');
    const answers = await Promise.all(
      [red, urlSafe].map((data) =>
        post(simulator, { ...(withParts(picture(data)) as object), generationConfig: { seed: 1 } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(partsOf(answers[1]!.json)).toEqual(partsOf(answers[0]!.json));
  });

  it('takes the ratio of its first picture when it names none', async () => {
    const { json } = await post(simulator, withParts(picture(red), { text: 'make it blue' }));
    expect(await pictureOf(json)).toMatchObject({ width: 1376, height: 768 });
  });

  it("may name size and type in the newer responseFormat, with the API's enums or the guide's words", async () => {
    const image = { aspectRatio: 'ASPECT_RATIO_FOUR_BY_FIVE', imageSize: 'IMAGE_SIZE_TWO_K', mimeType: 'image/jpeg' };
    for (const responseFormat of [
      { image },
      [{ image }],
      { image: { ...image, aspectRatio: '4:5', imageSize: '2K' } },
    ]) {
      const { json } = await post(simulator, prompt('a', { responseFormat }));
      expect(await pictureOf(json)).toMatchObject({ width: 1856, height: 2304, type: 'jpeg' });
    }
  });

  it('does not see the files of another account', async () => {
    const fileUri = 'https://generativelanguage.googleapis.com/v1beta/files/abc-123';
    const { status, json } = await post(simulator, withParts({ fileData: { mimeType: 'image/png', fileUri } }));
    expect(status).toBe(403);
    expect(json.error?.message).toBe('You do not have permission to access the File abc-123 or it may not exist.');
  });
});
