import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startCapturingUpstream } from '../support/capturing-upstream.ts';
import type { CapturingUpstream } from '../support/capturing-upstream.ts';
import { expectEnvelope, failedOf } from '../support/envelope.ts';
import type { Failed } from '../support/envelope.ts';
import { KEY, startGateway, UPSTREAM_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const IMAGES = '/v1/images/generations';
const FLASH = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const PRO = '/v1beta/models/gemini-3-pro-image:generateContent';

// Planted: none of these may come up in a log line, a metric, or an answer to somebody else's mistake.
const PROMPT = 'a secret plan of 4711 herons';
const QUERY_KEY = 'AIza-secret-in-the-query-4711';
const WRONG_KEY = 'sk-secret-and-wrong-4711';
const SECRETS = [KEY, UPSTREAM_KEY, QUERY_KEY, WRONG_KEY, PROMPT, 'herons', '4711'];

let upstream: CapturingUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await startCapturingUpstream();
  gateway = await startGateway({ upstream: { baseUrl: `${upstream.url}/prefix` } });
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
});
beforeEach(() => {
  upstream.captured.length = 0;
});

const native = (more: Record<string, unknown> = {}, parts: unknown = [{ text: PROMPT }]): Record<string, unknown> => ({
  contents: [{ parts }],
  ...more,
});
const imageConfig = (config: Record<string, unknown>): Record<string, unknown> =>
  native({ generationConfig: { imageConfig: config } });

const many = (count: number, value: unknown): unknown[] => Array.from({ length: count }, () => value);

async function refused(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Failed & { readonly message: string }> {
  const failed = await failedOf(await gateway.post(path, body, headers));
  const message = expectEnvelope(failed, path === IMAGES ? 'openai' : 'google');
  expect(upstream.captured).toHaveLength(0);
  expect(message).not.toMatch(/herons|4711/);
  return { ...failed, message };
}

/** What reached the upstream, parsed. */
async function sent(path: string, body: unknown): Promise<Record<string, unknown>> {
  const reply = await gateway.post(path, body, { 'cache-control': 'no-store' });
  expect(reply.status, await reply.text()).toBe(200);
  expect(upstream.captured).toHaveLength(1);
  return JSON.parse(upstream.captured[0]!.body.toString()) as Record<string, unknown>;
}

const paramOf = ({ body }: Failed): string | null => {
  const { error } = JSON.parse(body) as {
    error: { param?: string; details?: readonly { fieldViolations?: readonly { field: string }[] }[] };
  };
  return error.param ?? error.details?.flatMap(({ fieldViolations = [] }) => fieldViolations)[0]?.field ?? null;
};

describe('JSON that is none, or too much of it', () => {
  const good = JSON.stringify({ prompt: PROMPT });
  test.each([
    ['cut off', good.slice(0, -1), /found the end of the document/],
    ['cut off in a string', good.slice(0, -5), /found the end of the document/],
    ['100,000 brackets deep', '['.repeat(100_000), /nested deeper than 100 levels/],
    ['100,000 braces deep', '{"a":'.repeat(100_000), /nested deeper than 100 levels/],
    ['with a mark before it', `\u{feff}${good}`, /byte order mark/],
    ['with NaN', '{"prompt":"x","seed":NaN}', /found 'N'/],
    ['with Infinity', '{"prompt":"x","seed":-Infinity}', /found 'I'/],
    ['with a comma too many', '{"prompt":"x",}', /found '}'/],
    ['with single quotes', "{'prompt':'x'}", /found "'"/],
    ['with a comment', '{"prompt":"x"}//', /expected the end of the document/],
    ['twice', good + good, /expected the end of the document/],
    ['with a bare line feed in a string', '{"prompt":"a\nb"}', /\\u000a/],
    ['with half an escape', '{"prompt":"\\u12"}', /hexadecimal/],
    ['with bytes that are no UTF-8', Buffer.from('{"prompt":"\xff"}', 'latin1'), /not UTF-8/],
    ['with a surrogate as UTF-8', Buffer.from('{"prompt":"\xed\xa0\x80"}', 'latin1'), /not UTF-8/],
    [
      'with 4097 long strings',
      `{"a":[${`"${'x'.repeat(1025)}",`.repeat(4096)}"${'x'.repeat(1025)}"]}`,
      /4096 string values/,
    ],
  ])('%s is a 400 that says where and what', async (_, body, words) => {
    for (const path of [IMAGES, FLASH]) {
      const failed = await refused(path, body);
      expect(failed.status).toBe(400);
      expect(failed.message).toMatch(words);
      expect(failed.message).toMatch(/at byte \d+/);
    }
  });

  test.each([
    [IMAGES, '{"prompt":"fox", "prompt":"herons"}', 17, 'the name "prompt" stands twice in one object'],
    [IMAGES, '{"prompt":"x","google":{"a":1,"\\u0061":2}}', 30, 'the name "a" stands twice in one object'],
    [IMAGES, '{"__proto__":{"n":3},"prompt":"x"}', 1, 'the name __proto__ is not allowed'],
    [
      FLASH,
      '{"contents":[{"parts":[{"text":"x"}]}],"contents":[]}',
      39,
      'the name "contents" stands twice in one object',
    ],
    [FLASH, '{"contents":[{"parts":[{"text":"x","text":"y"}]}]}', 35, 'the name "text" stands twice in one object'],
    [FLASH, '{"contents":[{"parts":[{"text":"x","__proto__":{}}]}]}', 35, 'the name __proto__ is not allowed'],
    [FLASH, '{"labels":{"\\u005f_proto__":1}}', 11, 'the name __proto__ is not allowed'],
  ])('to %s, %s is a 400 at byte %i: %s', async (path, body, offset, what) => {
    const failed = await refused(path, body);
    expect(failed.status).toBe(400);
    expect(failed.message).toBe(`The body cannot be read: Invalid JSON at byte ${offset}: ${what}`);
    if (path === IMAGES) expect(failed.body).toContain('"code":"invalid_json"');
  });

  const HALVES = ['\\ud83e', '\\udd8a', '\\udd8a\\ud83e', '\\ud83e\\ud83e\\udd8a', `${'x'.repeat(5000)}\\udfff`];
  test.each([
    [IMAGES, 'prompt', (text: string) => `{"prompt":${text}}`],
    [IMAGES, 'user', (text: string) => `{"prompt":"x","user":${text}}`],
    [IMAGES, 'model', (text: string) => `{"prompt":"x","model":${text}}`],
    [FLASH, 'contents[0].parts[1].text', (text: string) => `{"contents":[{"parts":[{"text":"x"},{"text":${text}}]}]}`],
    [
      FLASH,
      'systemInstruction.parts[0].text',
      (text: string) => `{"contents":{"parts":{"text":"x"}},"systemInstruction":{"parts":[{"text":${text}}]}}`,
    ],
  ] as const)('to %s, half a surrogate pair in %s is a 400', async (path, field, bodyWith) => {
    for (const half of HALVES) {
      const failed = await refused(path, bodyWith(`"a ${half} b"`));
      expect([failed.status, paramOf(failed)]).toEqual([400, field]);
      expect(failed.message).toMatch(/holds half of a surrogate pair/);
      if (path === IMAGES) expect(failed.body).toContain('"code":"invalid_value"');
    }
  });

  test('more fields than anybody has names for are a 400', async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, 1]));
    for (const body of [
      { prompt: 'x', ...many },
      { prompt: 'x', google: many },
      { prompt: 'x', extra_body: many },
    ])
      expect((await refused(IMAGES, body)).message).toMatch(/at most 256 fields/);
    for (const body of [native(many), native({ generationConfig: many }), native({}, [{ text: 'x', ...many }])])
      expect((await refused(FLASH, body)).message).toMatch(/at most 256 fields/);
  });

  test('more parts than any conversation has are a 400', async () => {
    const part = { text: '' };
    expect((await refused(FLASH, native({}, many(5000, part)))).message).toMatch(/at most 4096 parts/);
    const contents = many(5000, { parts: [part] });
    expect((await refused(FLASH, { contents })).message).toMatch(/at most 4096 parts/);
  });

  test('text of megabytes is a 400, and never becomes a string', async () => {
    const text = PROMPT.repeat(100_000);
    for (const [path, body] of [
      [IMAGES, { prompt: text }],
      [IMAGES, { prompt: 'x', user: text }],
      [IMAGES, { prompt: 'x', model: text }],
      [IMAGES, { prompt: 'x', size: text }],
      [FLASH, native({}, [{ text }])],
      [FLASH, native({ systemInstruction: { parts: [{ text }] } })],
      [FLASH, native({}, many(9, { text: 'x'.repeat(300_000) }))],
    ] as const)
      expect((await refused(path, body)).status).toBe(400);
  });
});

describe('JSON that is good, if odd', () => {
  test('fields called constructor and toString are fields like any other, and change nothing here', async () => {
    const body = `{"contents":[{"parts":[{"text":"x"}]}],"constructor":{"prototype":{"polluted":true}},
      "toString":"x","hasOwnProperty":1}`;
    expect((await gateway.post(FLASH, body)).status).toBe(200);
    expect(upstream.captured[0]!.body.toString()).toContain('"constructor":{"prototype":{"polluted":true}}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('half a surrogate pair arrives as it was sent where nobody reads it as text', async () => {
    const half = '"\\ud83e and \\udd8a\\ud83e"';
    const call = `{"functionCall":{"name":"f","args":{"a":${half}}}}`;
    const body = `{"contents":[{"parts":[{"text":"x"},${call}]}],"labels":{"a":${half}}}`;
    expect((await gateway.post(FLASH, body)).status).toBe(200);
    const text = upstream.captured[0]!.body.toString();
    expect(text).toContain(call);
    expect(text).toContain(`"labels":{"a":${half}}`);
  });

  test('both halves of a pair are one character, however they are written', async () => {
    const body = '{"contents":[{"parts":[{"text":"\\ud83e\\udd8a 🦊"}]}]}';
    expect(await sent(FLASH, body)).toMatchObject({ contents: [{ parts: [{ text: '🦊 🦊' }] }] });
  });

  const LONG = 'x'.repeat(5000);
  test.each([
    ['quotes of every kind', `"'\`“”‘’«»„‚\\"\\\\' \\u0022 &quot; \\`],
    [
      'controls',
      Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('') + '\u007f\u0080\u2028\u2029\u{feff}',
    ],
    [
      'placeholders',
      '%s %d ${x} {{x}} {0} $1 $& $` #{x} <%= x %> [[x]] @x@ __x__ 00000000-0000-4000-8000-000000000000',
    ],
    ['JSON', '{"prompt":"x","seed":1}\\u007b"'],
    ['markup', '</script><script>alert(1)</script><!--'],
    ['headers', 'x\r\nx-evil: 1\r\n\r\n'],
    ['pictures of letters', '🦊 👩‍👩‍👧‍👦 é e\u0301 \u202e \u{10ffff} 中文'],
    ['a length beyond which strings are set aside', `"${LONG}\\ ${LONG}é🦊"`],
  ])('%s in a prompt arrive as they were sent, in both dialects', async (_, prompt) => {
    const textOf = (words: Record<string, unknown>): unknown =>
      (words as { contents: readonly { parts: readonly { text: string }[] }[] }).contents[0]?.parts[0]?.text;
    expect(textOf(await sent(IMAGES, { prompt }))).toBe(prompt);
    upstream.captured.length = 0;
    expect(textOf(await sent(FLASH, native({}, [{ text: prompt }])))).toBe(prompt);
  });

  test('a reference picture arrives byte for byte, whatever alphabet, escapes and label it came with', async () => {
    const url = Buffer.from(Array.from({ length: 6000 }, (_, index) => (index * 7) % 256)).toString('base64url');
    const escaped = `\\/\\u002b${'/+Ab'.repeat(2000)}\\u003d`;
    const body = `{"contents":[{"parts":[{"text":"x"},{"inline_data":{"mime_type":"image/PNG","data":"${url}"}},
      {"inlineData":{"mimeType":"image/jpg","data":"${escaped}"}}]}]}`;
    // 8003 characters: no base64 of anything, and not to be believed.
    const failed = await refused(FLASH, body);
    expect([failed.status, failed.message]).toEqual([400, expect.stringContaining('base64')]);

    const good = body.replace('\\u003d"', 'A\\u003d"');
    expect((await gateway.post(FLASH, good)).status).toBe(200);
    const text = upstream.captured[0]!.body.toString();
    expect(text).toContain(`"data":"${url}"`);
    expect(text).toContain(`"data":"\\/\\u002b`);
  });
});

describe('values of the wrong kind', () => {
  const images: readonly (readonly [unknown, string, RegExp])[] = [
    [{ n: '2' }, 'n', /an integer from 1 to 10/],
    [{ n: 0 }, 'n', /1 to 10/],
    [{ n: 11 }, 'n', /1 to 10/],
    [{ n: 1.5 }, 'n', /an integer/],
    [{ n: 1e308 }, 'n', /an integer/],
    [{ n: true }, 'n', /an integer/],
    [{ n: [1] }, 'n', /an integer/],
    [{ size: 'banana' }, 'size', /WIDTHxHEIGHT/],
    [{ size: 5 }, 'size', /a string/],
    [{ size: '0x0' }, 'size', /WIDTHxHEIGHT/],
    [{ size: '99999x1' }, 'size', /WIDTHxHEIGHT/],
    [{ size: '-1x1' }, 'size', /WIDTHxHEIGHT/],
    [{ size: { width: 1 } }, 'size', /a string/],
    [{ quality: 'ultra' }, 'quality', /low, medium, high/],
    [{ quality: 1 }, 'quality', /low, medium, high/],
    [{ prompt: ['x'] }, 'prompt', /a string/],
    [{ prompt: {} }, 'prompt', /a string/],
    [{ prompt: 7 }, 'prompt', /a string/],
    [{ prompt: '' }, 'prompt', /1 to 32000 characters/],
    [{ prompt: 'é'.repeat(32_001) }, 'prompt', /1 to 32000 characters/],
    [{ prompt: null }, 'prompt', /missing/],
    [{ model: 5 }, 'model', /a string/],
    [{ model: '' }, 'model', /the name of a model/],
    [{ seed: 1.5 }, 'seed', /an integer/],
    [{ seed: 2 ** 31 }, 'seed', /2147483647/],
    [{ seed: 2 ** 31 - 1, n: 2 }, 'seed', /at most 2147483646/],
    [{ seed: 'x' }, 'seed', /an integer/],
    [{ temperature: 3 }, 'temperature', /0 to 2/],
    [{ output_format: 'bmp' }, 'output_format', /png, jpeg, webp/],
    [{ output_compression: 101 }, 'output_compression', /0 to 100/],
    [{ output_compression: 50, output_format: 'png' }, 'output_compression', /png/],
    [{ response_format: 'link' }, 'response_format', /b64_json, url/],
    [{ background: 'transparent' }, 'background', /opaque/],
    [{ stream: 'yes' }, 'stream', /true or false/],
    [{ partial_images: 2 }, 'partial_images', /stream: true/],
    [{ stream: true, partial_images: 4 }, 'partial_images', /0 to 3/],
    [{ stream: true, response_format: 'url' }, 'response_format', /b64_json/],
    [
      { stream: true, partial_images: 1, thinking_config: { include_thoughts: false } },
      'thinking_config.include_thoughts',
      /no drafts/,
    ],
    [{ google: [] }, 'google', /an object/],
    [{ extra_body: 'x' }, 'extra_body', /an object/],
    [{ image_config: { image_size: '8K' } }, 'image_config.image_size', /512, 1K, 2K, 4K/],
    [{ aspect_ratio: '7:5' }, 'aspect_ratio', /1:1, 1:4/],
    [{ aspect_ratio: '16:9', aspectRatio: '9:16' }, 'aspectRatio', /different things/],
    [{ size: '2K', image_size: '4K' }, 'image_size', /different things/],
    [{ model: 'nano-banana-pro', size: '512' }, 'size', /1K, 2K, 4K/],
    [{ model: 'nano-banana-pro', aspect_ratio: '1:8' }, 'aspect_ratio', /1:1, 2:3/],
    [{ image: 'data:' }, 'image', /images.edits/],
    [{ promt: 'x' }, 'promt', /Did you mean prompt/],
  ];
  test.each(images)('%j is a 400 that names %s and what is allowed', async (more, param, words) => {
    const failed = await refused(IMAGES, { prompt: PROMPT, ...(more as object) });
    expect([failed.status, paramOf(failed)]).toEqual([400, param]);
    expect(failed.message).toMatch(words);
  });

  const generation = (config: Record<string, unknown>): Record<string, unknown> => native({ generationConfig: config });
  const inline = (mimeType: string, data = 'AAAA'): unknown => ({ inlineData: { mimeType, data } });
  const natives: readonly (readonly [unknown, string, RegExp])[] = [
    [{ contents: 'x' }, 'contents', /an object/],
    [{ contents: [] }, 'contents', /at least one/],
    [{ contents: null }, 'contents', /missing/],
    [{ contents: [{ parts: [] }] }, 'contents[0].parts', /at least one part/],
    [{ contents: [{}] }, 'contents[0].parts', /missing/],
    [{ contents: [{ parts: [{}] }] }, 'contents[0].parts[0]', /content/],
    [{ contents: [{ parts: [{ text: 5 }] }] }, 'contents[0].parts[0].text', /a string/],
    [{ contents: [{ role: 'assistant', parts: [{ text: 'x' }] }] }, 'contents[0].role', /user or model/],
    [native({}, [{ text: 'x', inlineData: {} }]), 'contents[0].parts[0]', /one kind of content/],
    [native({}, [inline('image/png', '')]), 'contents[0].parts[0].inlineData.data', /base64/],
    [native({}, [{ inlineData: { data: 'AAAA' } }]), 'contents[0].parts[0].inlineData.mimeType', /MIME/],
    [native({}, [inline('video/mp4')]), 'contents[0].parts[0].inlineData.mimeType', /Allowed types: image\/png/],
    [native({}, [inline('audio/wav')]), 'contents[0].parts[0].inlineData.mimeType', /Allowed types: image\/png/],
    [
      native({}, [{ fileData: { mimeType: 'video/mp4', fileUri: 'x' } }]),
      'contents[0].parts[0].fileData.mimeType',
      /Allowed types/,
    ],
    [
      native({}, [{ file_data: { file_uri: 'https://youtu.be/x' } }]),
      'contents[0].parts[0].fileData.fileUri',
      /no videos/,
    ],
    [native({}, many(15, inline('image/png'))), 'contents', /at most 14 reference pictures, not 15/],
    [generation({ candidateCount: 2 }), 'generationConfig.candidateCount', /one picture/],
    [generation({ responseModalities: ['AUDIO'] }), 'generationConfig.responseModalities', /IMAGE and TEXT/],
    [generation({ seed: 0.5 }), 'generationConfig.seed', /an integer/],
    [generation({ seed: 1, Seed: 2, imageConfig: 5 }), 'generationConfig.imageConfig', /an object/],
    [imageConfig({ imageSize: '8K' }), 'generationConfig.imageConfig.imageSize', /512, 1K, 2K, 4K/],
    [imageConfig({ aspectRatio: 1.5 }), 'generationConfig.imageConfig.aspectRatio', /1:1, 1:4/],
    [
      imageConfig({ imageSize: '1K', image_size: '2K' }),
      'generationConfig.imageConfig.image_size',
      /say different things/,
    ],
    [
      { ...imageConfig({ imageSize: '1K' }), generation_config: { image_config: { image_size: '2K' } } },
      'generation_config.image_config.image_size',
      /say different things/,
    ],
    [native({ tools: 'x' }), 'tools[0]', /an object/],
    [native({ model: 'models/other' }), 'model', /say different things/],
  ];
  test.each(natives)('%j is a 400 that names %s and what is allowed', async (body, param, words) => {
    const failed = await refused(FLASH, body);
    expect([failed.status, paramOf(failed)]).toEqual([400, param]);
    expect(failed.message).toMatch(words);
  });

  test.each([
    [{ imageSize: '512' }, 'generationConfig.imageConfig.imageSize', /1K, 2K, 4K/],
    [{ aspectRatio: '1:8' }, 'generationConfig.imageConfig.aspectRatio', /1:1, 2:3/],
  ])('%j is a 400 where the model cannot', async (config, param, words) => {
    const failed = await refused(PRO, imageConfig(config));
    expect([failed.status, paramOf(failed)]).toEqual([400, param]);
    expect(failed.message).toMatch(words);
    expect((await gateway.post(FLASH, imageConfig(config))).status).toBe(200);
  });
});

describe('what reaches the upstream', () => {
  test.each([
    ['512', '512'],
    [512, '512'],
    ['0.5K', '512'],
    ['512px', '512'],
    ['1k', '1K'],
    ['2K', '2K'],
    ['4k', '4K'],
    ['IMAGE_SIZE_FOUR_K', '4K'],
  ])('the tier %j goes up as %s, from both dialects', async (spelt, tier) => {
    const expected = { generationConfig: { imageConfig: { imageSize: tier } } };
    expect(await sent(FLASH, imageConfig({ imageSize: spelt }))).toMatchObject(expected);
    upstream.captured.length = 0;
    expect(
      await sent(IMAGES, { prompt: 'x', extra_body: { google: { image_config: { image_size: spelt } } } }),
    ).toMatchObject(expected);
  });

  test('fields nobody knows travel verbatim, wherever they stand', async () => {
    const odd = { 'a b': [1, 2.5, -0.1, 1e-7, null, true, { ü: '\ud83e' }], snake_case: { imageSize: 'x' }, '': {} };
    const words = await sent(FLASH, {
      contents: [{ parts: [{ text: 'x', partOdd: odd }], turnOdd: odd }],
      requestOdd: odd,
      generationConfig: { configOdd: odd, imageConfig: { imageOdd: odd }, thinkingConfig: { thinkingOdd: odd } },
      safetySettings: [{ category: 'harm_category_harassment', safetyOdd: odd }],
      tools: [{ toolOdd: odd }],
    });
    expect(words).toMatchObject({
      contents: [{ parts: [{ partOdd: odd }], turnOdd: odd }],
      requestOdd: odd,
      generationConfig: { configOdd: odd, imageConfig: { imageOdd: odd }, thinkingConfig: { thinkingOdd: odd } },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', safetyOdd: odd }],
      tools: [{ toolOdd: odd }],
    });
  });

  test('both spellings of what Google knows are read at every depth, and one goes up', async () => {
    const words = await sent(FLASH, {
      contents: { parts: { text: 'x' } },
      system_instruction: { parts: [{ text: 'y' }] },
      generation_config: { response_modalities: 'Image', image_config: { aspect_ratio: '16:9' }, top_p: 0.5 },
      safety_settings: [{ category: 'harm_category_harassment', threshold: 'block_none' }],
    });
    expect(words).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'x' }] }],
      systemInstruction: { role: 'user', parts: [{ text: 'y' }] },
      generationConfig: { responseModalities: ['IMAGE'], imageConfig: { aspectRatio: '16:9' }, topP: 0.5 },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
    });
  });

  test.each([
    '..%2F..%2Fv1%2Ffiles',
    '..%5C..%5Cx',
    '%2e%2e%2f%2e%2e',
    'gemini-3.1-flash-image%2F..%2F..%2Fx',
    'gemini-3.1-flash-image%3Fkey=x',
    'gemini-3.1-flash-image%23',
    'gemini-3.1-flash-image%00',
    'gemini-3.1-flash-image%0d%0ax-evil:1',
    'gemini-3.1-flash-image;x',
    'models%2F..%2Fgemini-3.1-flash-image',
    'tunedModels%2Fx',
    '__proto__',
    'constructor',
    '*',
    'gpt-image-..%2F',
  ])('the model %s is a 404, and the upstream hears nothing of it', async (model) => {
    expect((await refused(`/v1beta/models/${model}:generateContent`, native())).status).toBe(404);
    const named = await failedOf(await gateway.post(IMAGES, { prompt: PROMPT, model: decodeURIComponent(model) }));
    expect(named.status).toBe(404);
    expect(upstream.captured).toHaveLength(0);
  });

  test('the path is the configuration’s whatever the caller’s was, and the caller’s key stays here', async () => {
    for (const path of [
      FLASH,
      FLASH.replace('image:', 'image-preview:'),
      '/models/nano-banana-2:generateContent',
      IMAGES,
    ])
      await gateway.post(`${path}?alt=json&key=${KEY}`, path === IMAGES ? { prompt: 'x' } : native(), {
        'cache-control': 'no-store',
        'x-goog-api-client': 'me',
        'x-forwarded-for': '1.2.3.4',
        cookie: 'a=b',
      });
    expect(new Set(upstream.captured.map(({ target }) => target))).toEqual(
      new Set(['/prefix/v1beta/models/gemini-3.1-flash-image:generateContent']),
    );
    for (const { headers } of upstream.captured) {
      expect(headers['x-goog-api-key']).toBe(UPSTREAM_KEY);
      expect(Object.keys(headers).sort()).toEqual(
        [
          'accept',
          'accept-encoding',
          'connection',
          'content-length',
          'content-type',
          'host',
          'via',
          'x-goog-api-key',
        ].sort(),
      );
    }
    expect(upstream.captured).toHaveLength(4);
  });
});

test('after all of this the next request works, and no secret was said', async () => {
  const reply = await gateway.post(IMAGES, { prompt: PROMPT });
  expect(reply.status).toBe(200);
  const answers: string[] = [await reply.text()];
  for (const [path, headers] of [
    [`${FLASH}?key=${QUERY_KEY}`, {}],
    [`/v1/models/${PROMPT}?key=${QUERY_KEY}`, {}],
    [`/v1beta/models/x%3Fkey=${QUERY_KEY}:generateContent`, { 'x-api-key': KEY }],
    [`/${QUERY_KEY}/nope?key=${QUERY_KEY}`, {}],
    [IMAGES, { authorization: `Bearer ${WRONG_KEY}` }],
    [IMAGES, { 'x-api-key': WRONG_KEY, 'x-goog-api-key': QUERY_KEY }],
  ] as const) {
    const body = JSON.stringify({ ...native(), prompt: PROMPT });
    await fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
  }
  for (const model of [PROMPT, KEY, `x?key=${QUERY_KEY}`]) await gateway.post(IMAGES, { prompt: PROMPT, model });
  const scraped = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
  const metrics = scraped.replaceAll(/ \S+$/gm, ''); // without their values, which may hold any four digits
  const logged = gateway.logged().replaceAll(/req_[0-9a-f]{32}/g, ''); // random, and so may hold them too
  for (const secret of SECRETS) for (const said of [logged, metrics, ...answers]) expect(said).not.toContain(secret);
});
