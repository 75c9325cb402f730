import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KeptFiles } from '../../src/cache/kept-files.ts';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { claude } from '../../src/dialects/claude/dialect.ts';
import type { Dialect } from '../../src/dialects/dialect.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { openaiImages } from '../../src/dialects/openai-images/dialect.ts';
import { GatewayError } from '../../src/errors.ts';
import { Files } from '../../src/files/files.ts';
import { withFiles } from '../../src/gateway/files.ts';
import type { JsonObject } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';

const none = (): undefined => undefined;

const refusalOf = async (work: Promise<unknown>): Promise<GatewayError> => {
  const error: unknown = await work.then(none, (error: unknown) => error);
  if (!(error instanceof GatewayError)) throw new Error('nothing was refused', { cause: error });
  return error;
};

const store = new MemoryStore({ maxBytes: 1 << 24, scopeBytes: 1 << 24, now: Date.now, onEvict: none });
const shelf = new Shelf({ tiers: [store], now: Date.now, onTrouble: none });
const kept = new KeptFiles({ shelf, now: Date.now });
const bounds = { keepMs: 60_000, bytesPerFile: 1 << 20, bytesPerTenant: 1 << 22, perTenant: 100, isTenant: () => true };
const files = new Files({ store: kept, now: Date.now, ...bounds });
const base64 = (text: string): LongString => LongString.fromBase64([Buffer.from(Buffer.from(text).toString('base64'))]);
const described = { fileName: 'a.txt', displayName: '', purpose: '', claimed: 'text/plain', keepMs: null };
await files.add('acme', { ...described, id: 'one' }, base64('first'));
await files.add('acme', { ...described, id: 'two' }, base64('second'));

const caller = { keyId: 'k', tenant: { id: 'acme' } } as Parameters<typeof withFiles>[1]['caller'];

/** The body with the files in it, long strings as text, and how many bytes were asked room for. */
async function put(
  dialect: Dialect,
  body: JsonObject,
  { restoredBytes = 1 << 20, who = caller } = {},
): Promise<{ readonly body: unknown; readonly held: number }> {
  let held = 0;
  const holdMore = async (bytes: number): Promise<void> => void (held += bytes);
  const whole = await withFiles({ files, restoredBytes }, { dialect, body, caller: who, holdMore });
  const plain = JSON.stringify(whole, (_, value: unknown) => (value instanceof LongString ? value.text() : value));
  return { body: JSON.parse(plain), held };
}

const ONE = Buffer.from('first').toString('base64');
const URL_ONE = `data:text/plain;base64,${ONE}`;

describe('a file that a request names', () => {
  test.each<[string, Dialect, JsonObject, JsonObject]>([
    [
      'a picture of OpenAI’s',
      openaiImages,
      { images: [{ file_id: 'file-one' }] },
      { images: [{ image_url: URL_ONE }] },
    ],
    ['a mask', openaiImages, { mask: { file_id: 'file-one', image_url: null } }, { mask: { image_url: URL_ONE } }],
    [
      'a part of a message',
      openaiImages,
      { input: [{ content: [{ type: 'input_image', file_id: 'file_one', detail: 'high' }] }] },
      { input: [{ content: [{ type: 'input_image', detail: 'high', image_url: URL_ONE }] }] },
    ],
    [
      'a document',
      openaiImages,
      { messages: [{ content: [{ type: 'file', file: { file_id: 'file-one', filename: 'a' } }] }] },
      { messages: [{ content: [{ type: 'file', file: { filename: 'a', file_data: URL_ONE } }] }] },
    ],
    [
      'one beside its bytes',
      openaiImages,
      { mask: { file_id: 'f', image_url: 'x' } },
      { mask: { file_id: 'f', image_url: 'x' } },
    ],
    [
      'a source of Claude’s',
      claude,
      { messages: [{ content: [{ type: 'image', source: { type: 'file', file_id: 'file_one' } }] }] },
      { messages: [{ content: [{ type: 'image', source: { type: 'base64', media_type: 'text/plain', data: ONE } }] }] },
    ],
    [
      'the same word elsewhere',
      claude,
      { metadata: { type: 'file', file_id: 'x' } },
      { metadata: { type: 'file', file_id: 'x' } },
    ],
    [
      'a part of Google’s, with what stands beside it',
      gemini,
      {
        contents: [
          {
            parts: [{ fileData: { fileUri: 'http://gw/x/v1beta/files/one', mimeType: 'a/b' }, thoughtSignature: 's' }],
          },
        ],
      },
      { contents: [{ parts: [{ thoughtSignature: 's', inlineData: { mimeType: 'text/plain', data: ONE } }] }] },
    ],
    [
      'in the other spelling, deep down',
      gemini,
      { contents: [{ parts: [{ function_response: { parts: [{ file_data: { file_uri: 'files/one' } }] } }] }] },
      {
        contents: [
          { parts: [{ function_response: { parts: [{ inlineData: { mimeType: 'text/plain', data: ONE } }] } }] },
        ],
      },
    ],
  ])('%s is its bytes', async (_what, dialect, asked, expected) => {
    expect((await put(dialect, asked)).body).toEqual(expected);
  });

  test.each([
    'https://generativelanguage.googleapis.com/v1beta/files/one',
    'https://example.com/files/one',
    'https://example.com/v1beta/files/one?x=1',
    'gs://bucket/files/one',
    'https://www.youtube.com/watch?v=x',
    'files/../one',
    'files/ONE',
  ])('%s is none of ours, and goes up as it is', async (fileUri) => {
    const asked = { contents: [{ parts: [{ fileData: { fileUri } }] }] };
    expect(await put(gemini, asked)).toEqual({ body: asked, held: 0 });
  });

  test('is read once however often it is named, and room is asked for before', async () => {
    const asked = { images: [{ file_id: 'file-one' }, { file_id: 'file_one' }, { file_id: 'file-two' }] };
    const { held } = await put(openaiImages, asked);
    expect(held).toBe(8 + 8);
    const error = await refusalOf(put(openaiImages, asked, { restoredBytes: 20 }));
    expect(error).toMatchObject({ failure: 'too_large', detail: { param: 'images[2].file_id' } });
  });

  test('that is not there, or another’s, is named by where it stands, in the words of its dialect', async () => {
    const globex = { keyId: 'k', tenant: { id: 'globex' } } as typeof caller;
    const openai = await refusalOf(put(openaiImages, { images: [{ file_id: 'file-one' }] }, { who: globex }));
    expect(openai).toMatchObject({ status: 400, detail: { param: 'images[0].file_id', code: 'file_not_found' } });
    const google = await refusalOf(put(gemini, { contents: { parts: { fileData: { fileUri: 'files/none' } } } }));
    expect(google).toMatchObject({ status: 403, detail: { param: 'contents.parts.fileData.fileUri' } });
    const most = Array.from({ length: 65 }, (_, index) => ({ file_id: `file-${index}x` }));
    const many = await refusalOf(put(openaiImages, { images: most }));
    expect(many).toMatchObject({ detail: { param: 'images[64].file_id' } });
  });

  test('whatever else a body holds is left as it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue().filter((value) => !JSON.stringify(value).includes('file')),
        fc.constantFrom(openaiImages, claude, gemini),
        async (value, dialect) => {
          const asked = { messages: value } as JsonObject;
          const beside = {
            ...asked,
            images: [{ file_id: 'file-one' }],
            contents: { fileData: { fileUri: 'files/one' } },
          };
          expect((await put(dialect, asked)).body).toEqual(JSON.parse(JSON.stringify(asked)));
          expect((await put(dialect, beside)).body).toMatchObject(JSON.parse(JSON.stringify(asked)));
        },
      ),
    );
  });
});
