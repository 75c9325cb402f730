import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { NativeReply, OpenAIError } from '../support/wire.ts';

const EDITS = '/v1/images/edits';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';

const SVG = Buffer.from(
  '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"><image href="http://169.254.169.254/"/><text>&x;</text></svg>',
);
const PAGE = Buffer.from('<!DOCTYPE html><script>alert(1)</script>');
const base64 = (bytes: Buffer): string => bytes.toString('base64');

let gateway: TestGateway;
/** 20,000 x 20,000 pixels in 50 KB. */
let bomb: Buffer;
beforeAll(async () => {
  gateway = await startGateway({ simulator: { signatureBytes: 64 } });
  const simulator = await startSimulator({ signatureBytes: 64 });
  try {
    simulator.rule({ fault: 'picture-bomb' });
    const reply = await fetch(`${simulator.url}${NATIVE}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-goog-api-key': 'simulator' },
      body: JSON.stringify({ contents: [{ parts: [{ text: 'x' }] }] }),
    });
    const { parts } = (await bodyOf<NativeReply>(reply)).candidates[0]!.content;
    bomb = Buffer.from(parts.find(({ inlineData }) => inlineData !== undefined)!.inlineData!.data, 'base64');
  } finally {
    await simulator.close();
  }
});
afterAll(() => gateway.close());

/** Refused by its bytes or its type, and nothing was sent for it. */
async function expectRefused(asked: Promise<Response>): Promise<string> {
  const reply = await asked;
  const text = await reply.text();
  expect(reply.status, text).toBe(400);
  expect(gateway.simulator.calls).toHaveLength(0);
  expect(gateway.logged()).not.toContain('"level":50');
  return text;
}

const form = (pictures: Readonly<Record<string, Buffer>>, type = 'image/png'): FormData => {
  const written = new FormData();
  written.set('prompt', 'like this');
  for (const [name, bytes] of Object.entries(pictures))
    written.set(name, new Blob([new Uint8Array(bytes)], { type }), `${name}.png`);
  return written;
};
const postForm = (body: FormData): Promise<Response> =>
  fetch(gateway.url + EDITS, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body });

describe('a drawing of lines, or a page, is no picture to draw from', () => {
  const WAYS: Readonly<Record<string, (bytes: Buffer, mimeType: string) => Promise<Response>>> = {
    'a form': (bytes, mimeType) => postForm(form({ image: bytes }, mimeType)),
    'a data URL of images': (bytes, mimeType) =>
      gateway.post(EDITS, { prompt: 'x', images: [{ image_url: `data:${mimeType};base64,${base64(bytes)}` }] }),
    'a chat': (bytes, mimeType) => {
      const url = `data:${mimeType};base64,${base64(bytes)}`;
      const content = [{ type: 'image_url', image_url: { url } }];
      return gateway.post('/v1/chat/completions', { messages: [{ role: 'user', content }] });
    },
    'a response': (bytes, mimeType) => {
      const content = [{ type: 'input_image', image_url: `data:${mimeType};base64,${base64(bytes)}` }];
      return gateway.post('/v1/responses', { input: [{ role: 'user', content }] });
    },
    'a message of Claude’s': (bytes, mimeType) => {
      const source = { type: 'base64', media_type: mimeType, data: base64(bytes) };
      const content = [{ type: 'image', source }];
      return gateway.post('/v1/messages', { max_tokens: 1024, messages: [{ role: 'user', content }] });
    },
  };
  /** Those where a picture is what its bytes are. Elsewhere it is what it is called, and its vendor looks at it. */
  const BY_BYTES = ['a form', 'a data URL of images'];

  test.each(Object.keys(WAYS))('in %s', async (way) => {
    for (const bytes of [SVG, PAGE])
      for (const mimeType of ['image/svg+xml', 'text/html', ...(BY_BYTES.includes(way) ? ['image/png'] : [])])
        await expectRefused(WAYS[way]!(bytes, mimeType));
  });

  test('in Gemini’s own words', async () => {
    for (const mimeType of ['image/svg+xml', 'text/html', 'image/gif']) {
      const parts = [{ text: 'x' }, { inlineData: { mimeType, data: base64(SVG) } }];
      expect(await expectRefused(gateway.post(NATIVE, { contents: [{ parts }] }))).toMatch(/does not take this/);
    }
  });
});

describe('a picture that unpacks to 400 million pixels', () => {
  const size = (): number => process.memoryUsage().rss;

  test.each([
    ['as the mask', () => ({ image: smallPng(), mask: bomb })],
    ['as what is laid into', () => ({ image: bomb, mask: smallPng() })],
    ['as both', () => ({ image: bomb, mask: bomb })],
  ])('%s is refused before it is unpacked, and nothing is paid', async (_where, pictures) => {
    const before = size();
    const text = await expectRefused(postForm(form(pictures())));
    expect((JSON.parse(text) as OpenAIError).error.param).toMatch(/^(image|mask)$/);
    // As pixels it is 1.6 GB.
    expect(size() - before).toBeLessThan(300 << 20);
  });
});

/** One grey pixel. */
function smallPng(): Buffer {
  return Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==',
    'base64',
  );
}
