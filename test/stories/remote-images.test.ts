import { describe, expect, onTestFinished, test } from 'vitest';
import { drawing } from '../image/samples.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway, TestGatewayOptions } from '../support/gateway.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { redirects, sends, startWeb } from '../support/web.ts';
import type { TestWeb } from '../support/web.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

const FLASH = 'gemini-3.1-flash-image';
const NATIVE = `/v1beta/models/${FLASH}:generateContent`;
const FOX = 'https://pictures.example.test/fox.png?signature=s3cret';
const INSIDE = 'https://169.254.169.254/latest/meta-data/s3cret';
const PNG = await drawing(3).png().toBuffer();
const DATA = `data:image/png;base64,${PNG.toString('base64')}`;

/** The same edit in every dialect that takes an address, and the field that has it. */
const WAYS: readonly (readonly [string, string, string, (url: string) => object])[] = [
  [
    'chat',
    '/v1/chat/completions',
    'messages[0].content[1].image_url.url',
    (url) => ({
      model: FLASH,
      modalities: ['image'],
      image_size: '512',
      seed: 7,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a hat' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
    }),
  ],
  [
    'images',
    '/v1/images/edits',
    'images[0].image_url',
    (url) => ({ prompt: 'a hat', image_size: '512', seed: 7, images: [{ image_url: url }] }),
  ],
  [
    'Claude',
    '/v1/messages',
    'messages[0].content[1].source',
    (url) => ({
      model: FLASH,
      max_tokens: 4096,
      image_size: '512',
      seed: 7,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a hat' },
            { type: 'image', source: { type: 'url', url } },
          ],
        },
      ],
    }),
  ],
  [
    'OpenRouter',
    '/api/v1/images',
    'input_references[0].image_url.url',
    (url) => ({
      model: FLASH,
      prompt: 'a hat',
      resolution: '512',
      seed: 7,
      input_references: [{ type: 'image_url', image_url: { url } }],
    }),
  ],
  [
    'Responses',
    '/v1/responses',
    'input[0].content[1].image_url',
    (url) => ({
      model: FLASH,
      modalities: ['image'],
      image_size: '512',
      seed: 7,
      tools: [{ type: 'image_generation' }],
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'a hat' },
            { type: 'input_image', image_url: url },
          ],
        },
      ],
    }),
  ],
];
const native = (fileData: object) => ({
  contents: [{ role: 'user', parts: [{ text: 'a hat' }, { fileData }] }],
  generationConfig: { responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' }, seed: 7 },
});

interface House {
  readonly gateway: TestGateway;
  readonly web: TestWeb;
}

async function start(options: TestGatewayOptions = {}, settings: object = {}): Promise<House> {
  const web = await startWeb({ '/fox.png': sends(PNG), '/moved': redirects(INSIDE) });
  const gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    ...options,
    web: { resolve: web.resolve, web: web.web },
    config: { remoteImages: { enabled: true, ...settings }, ...options.config },
  });
  onTestFinished(gateway.close);
  return { gateway, web };
}

const errorOf = async (reply: Response) => (await bodyOf<OpenAIError>(reply)).error;

describe('a picture that a request only names', () => {
  test.each(WAYS)('is fetched and drawn from, in %s', async (_dialect, path, _field, body) => {
    const { gateway, web } = await start();
    const reply = await gateway.post(path, body(FOX));
    expect(reply.status).toBe(200);
    expect(web.requests.map(({ url }) => url)).toEqual(['/fox.png?signature=s3cret']);
    expect(gateway.simulator.calls).toHaveLength(1);
    expect(await scraped(gateway, 'plantain_remote_pictures_total', { outcome: 'fetched' })).toBe(1);
    expect(gateway.logged()).not.toMatch(/s3cret|pictures\.example/);
  });

  test.each([{ fileUri: FOX }, { fileUri: FOX, mimeType: 'image/webp' }])(
    'is fetched and drawn from, in Gemini’s own: %j',
    async (fileData) => {
      const { gateway, web } = await start();
      expect((await gateway.post(NATIVE, native(fileData))).status).toBe(200);
      expect(web.requests).toHaveLength(1);
    },
  );

  test('is never in the cache by itself, seed or not: tomorrow another may lie there', async () => {
    const { gateway, web } = await start();
    for (let times = 0; times < 2; times += 1) {
      const reply = await gateway.post('/v1/images/edits', WAYS[1]![3](FOX), { 'cache-control': 'max-age=600' });
      expect(reply.headers.get('cache-status')).toBe('Plantain; fwd=bypass; detail="remote-content"');
    }
    expect([web.requests.length, gateway.simulator.calls.length]).toEqual([2, 2]);
  });

  test('is under cache.when: always what its bytes are, as if it had been sent along', async () => {
    const { gateway, web } = await start({ config: { cache: { when: 'always' } } });
    const body = WAYS[1]![3];
    expect((await gateway.post('/v1/images/edits', body(DATA))).headers.get('cache-status')).toMatch(/stored/);
    expect((await gateway.post('/v1/images/edits', body(FOX))).headers.get('cache-status')).toMatch(/; hit;/);
    expect([web.requests.length, gateway.simulator.calls.length]).toEqual([1, 1]);
  });

  test('may be laid into by a mask', async () => {
    const { gateway } = await start();
    const mask = await drawing(3).ensureAlpha(0).png().toBuffer();
    const body = { ...WAYS[1]![3](FOX), mask: `data:image/png;base64,${mask.toString('base64')}` };
    const reply = await gateway.post('/v1/images/edits', body);
    expect(reply.status).toBe(200);
  });

  test('is quoted like one that was sent, and counted without being fetched', async () => {
    const { gateway, web } = await start();
    const body = WAYS[2]![3](FOX);
    const quote = await gateway.post('/v1/quote?for=/v1/messages', body);
    expect([quote.status, ((await quote.json()) as { to_draw: number }).to_draw]).toEqual([200, 1]);
    expect(web.requests).toHaveLength(1);
    expect((await gateway.post('/v1/messages/count_tokens', body)).status).toBe(200);
    expect(web.requests).toHaveLength(1);
  });
});

describe('an address that is not to be called', () => {
  test.each(WAYS)('is a 400 that names the field, at no cost, in %s', async (_dialect, path, field, body) => {
    const { gateway, web } = await start();
    for (const url of [INSIDE, 'https://pictures.example.test/moved', 'http://pictures.example.test/fox.png']) {
      const reply = await gateway.post(path, body(url));
      const text = await reply.text();
      expect(reply.status).toBe(400);
      expect(text).toContain(`${field}: the picture could not be fetched`);
      expect(text).not.toMatch(/s3cret|169\.254/);
    }
    expect(web.requests.map(({ url }) => url)).toEqual(['/moved']);
    expect([gateway.simulator.calls.length, await spentNanos(gateway)]).toEqual([0, 0]);
    expect(gateway.logged()).toContain('"code":"remote_image_refused"');
    expect(gateway.logged()).not.toMatch(/s3cret|169\.254/);
  });

  test('is one of another host than those configured', async () => {
    const { gateway } = await start({}, { hosts: ['other.test'] });
    const reply = await gateway.post('/v1/images/edits', WAYS[1]![3](FOX));
    expect((await errorOf(reply)).message).toMatch(/hosts that are allowed here: other\.test/);
  });

  test('is one of too many', async () => {
    const { gateway, web } = await start();
    const part = { type: 'image_url', image_url: { url: FOX } };
    const messages = [
      { role: 'user', content: [{ type: 'text', text: 'x' }, ...Array.from({ length: 17 }, () => part)] },
    ];
    const reply = await gateway.post('/v1/chat/completions', { model: FLASH, messages });
    expect([reply.status, (await errorOf(reply)).code]).toEqual([400, 'too_many_images']);
    expect(web.requests).toHaveLength(0);
  });

  test('is not called for a key that is no good, or a model that is not there', async () => {
    const { gateway, web } = await start();
    const body = WAYS[0]![3](FOX);
    expect((await gateway.post(WAYS[0]![1], body, { authorization: 'Bearer sk-nobody' })).status).toBe(401);
    expect((await gateway.post(WAYS[0]![1], { ...body, model: 'no-such-model' })).status).toBe(404);
    expect(web.requests).toHaveLength(0);
  });
});

describe('where it is not switched on', () => {
  test.each(WAYS)('nothing is fetched, and the field is named, in %s', async (_dialect, path, field, body) => {
    const { gateway, web } = await start({}, { enabled: false });
    const reply = await gateway.post(path, body(FOX));
    expect(reply.status).toBe(400);
    expect(await reply.text()).toContain(`${field}: remote URLs are off here`);
    expect(web.lookUps).toHaveLength(0);
  });

  test('is the default', async () => {
    const gateway = await startGateway({ simulator: { signatureBytes: 64 } });
    onTestFinished(gateway.close);
    const reply = await gateway.post('/v1/messages/count_tokens', WAYS[2]![3](FOX));
    expect([reply.status, (await reply.text()).includes('remote URLs are off here')]).toEqual([400, true]);
  });

  test('what Gemini’s own dialect names goes up as it came, and files do in any case', async () => {
    const off = await start({}, { enabled: false });
    const on = await start();
    const asked = (house: House, fileUri: string, mimeType: string) => {
      const path = '/v1/quote?for=' + encodeURIComponent(NATIVE);
      return house.gateway.post(path, native({ fileUri, mimeType }));
    };
    expect((await asked(off, FOX, 'image/png')).status).toBe(200);
    const uploaded = 'https://generativelanguage.googleapis.com/v1beta/files/abc-123';
    for (const house of [off, on]) {
      expect((await asked(house, uploaded, 'image/png')).status).toBe(200);
      expect((await asked(house, 'https://example.test/a.pdf', 'application/pdf')).status).toBe(200);
      expect(house.web.lookUps).toHaveLength(0);
    }
  });
});
