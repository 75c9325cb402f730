import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawing } from '../image/samples.ts';
import { pngOf } from '../support/big-picture.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const EDITS = '/v1/images/edits';
const WIDTH = 300;
const HEIGHT = 200;

let gateway: TestGateway;
let picture: Buffer;
let mask: Buffer;
beforeAll(async () => {
  gateway = await startGateway();
  picture = await drawing(3, WIDTH, HEIGHT).png().toBuffer();
  mask = await leftHalf(WIDTH, HEIGHT);
});
afterAll(() => gateway.close());

/** Transparent in its left half. */
async function leftHalf(width: number, height: number): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 4, 255);
  for (let pixel = 0; pixel < width * height; pixel += 1) if (pixel % width < width / 2) data[pixel * 4 + 3] = 0;
  return sharp(data, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
}

/** Of that alpha in its left upper corner, and opaque elsewhere. */
async function withHole(width: number, height: number, alpha = 0): Promise<Buffer> {
  return shaded((x, y) => (x < width && y < height ? alpha : 255));
}

async function slope(): Promise<Buffer> {
  return shaded((x) => Math.min(255, x));
}

async function shaded(alphaAt: (x: number, y: number) => number): Promise<Buffer> {
  const data = Buffer.alloc(WIDTH * HEIGHT * 4, 255);
  for (let pixel = 0; pixel < WIDTH * HEIGHT; pixel += 1)
    data[pixel * 4 + 3] = alphaAt(pixel % WIDTH, Math.floor(pixel / WIDTH));
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } })
    .png()
    .toBuffer();
}

async function edit(fields: Readonly<Record<string, string | Buffer>>, headers: Record<string, string> = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    form.append(name, typeof value === 'string' ? value : new Blob([new Uint8Array(value)]));
  return fetch(gateway.url + EDITS, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, ...headers },
    body: form,
  });
}

async function bytesOf(reply: Response): Promise<Buffer> {
  const body = (await reply.json()) as { data?: { b64_json: string }[]; error?: unknown };
  expect(body.error).toBeUndefined();
  return Buffer.from(body.data![0]!.b64_json, 'base64');
}

const rgb = (bytes: Buffer) => sharp(bytes).removeAlpha().raw().toBuffer();

/** How many pixels of each half are not those of the picture. */
async function changed(bytes: Buffer): Promise<{ readonly left: number; readonly right: number }> {
  const [before, after] = [await rgb(picture), await rgb(bytes)];
  expect(after.length).toBe(before.length);
  const counts = { left: 0, right: 0 };
  for (let at = 0; at < before.length; at += 3)
    if (!before.subarray(at, at + 3).equals(after.subarray(at, at + 3)))
      counts[(at / 3) % WIDTH < WIDTH / 2 ? 'left' : 'right'] += 1;
  return counts;
}

describe('a masked edit', () => {
  test('that is sent back in a chat is what its caller saw, and not what the vendor drew', async () => {
    const composed = (await bytesOf(await edit({ prompt: 'a hat', image: picture, mask }))).toString('base64');
    const url = `data:image/png;base64,${composed}`;
    const reply = await gateway.post('/v1/chat/completions', {
      model: 'nano-banana-2',
      image_size: '512',
      messages: [
        { role: 'user', content: 'a hat' },
        { role: 'assistant', content: '', images: [{ type: 'image_url', image_url: { url } }] },
        { role: 'user', content: 'a red one' },
      ],
    });
    expect([reply.status, reply.headers.get('x-plantain-warning')]).toEqual([200, expect.stringMatching(/reference/)]);
  });

  test('asked as a response is the same edit, and the same entry', async () => {
    const dataUrl = (bytes: Buffer): string => `data:image/png;base64,${bytes.toString('base64')}`;
    const edited = await bytesOf(await edit({ prompt: 'a cap', image: picture, mask, seed: '3' }));
    const body = (more: readonly object[] = [], input_image_mask: object = { image_url: dataUrl(mask) }) => ({
      model: 'nano-banana-2',
      modalities: ['image'],
      seed: 3,
      input: [
        ...more,
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'a cap' },
            { type: 'input_image', image_url: dataUrl(picture) },
          ],
        },
      ],
      tools: [{ type: 'image_generation', input_image_mask }],
    });
    const calls = gateway.simulator.calls.length;
    const reply = await gateway.post('/v1/responses', body());
    const { output, tools } = (await reply.json()) as { output: { result: string }[]; tools: object[] };
    expect(Buffer.from(output.at(-1)!.result, 'base64').equals(edited)).toBe(true);
    expect(tools).toEqual([{ type: 'image_generation' }]);
    expect(gateway.simulator.calls).toHaveLength(calls);
    const before = { role: 'user', content: [{ type: 'input_image', image_url: dataUrl(picture) }] };
    const answer = { role: 'assistant', content: 'nice' };
    const spoilt = body();
    spoilt.input = [{ role: 'user', content: [{ type: 'input_image', image_url: dataUrl(picture.subarray(0, 900)) }] }];
    for (const [asked, param] of [
      [spoilt, 'input[0].content[0]'],
      [body([before, answer]), 'tools[0].input_image_mask'],
      [{ ...body(), input: 'a cap' }, 'tools[0].input_image_mask'],
      [body([], { file_id: 'file-1' }), 'tools[0].input_image_mask.file_id'],
      [body([], { image_url: 'https://example.com/m.png' }), 'tools[0].input_image_mask.image_url'],
      [body([], { image_url: dataUrl(picture) }), 'tools[0].input_image_mask.image_url'],
    ] as const) {
      const refused = await gateway.post('/v1/responses', asked);
      const { error } = (await refused.json()) as { error: { param: string } };
      expect([refused.status, error.param]).toEqual([400, param]);
    }
  });

  test('has the pixels of its picture, and changes none outside the mask', async () => {
    const reply = await edit({ prompt: 'a hat', image: picture, mask });
    expect(reply.headers.get('x-plantain-size')).toBe(`${WIDTH}x${HEIGHT}`);
    expect(reply.headers.get('x-plantain-warning')).toBeNull();
    const bytes = await bytesOf(reply);
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: WIDTH, height: HEIGHT });
    const { left, right } = await changed(bytes);
    expect(right).toBe(0);
    expect(left).toBeGreaterThan((WIDTH * HEIGHT) / 4);
  });

  test('is cached like any other, and its composition with it', async () => {
    const fields = { prompt: 'a hat again', image: picture, mask, seed: '5' };
    const before = gateway.simulator.calls.length;
    const first = await bytesOf(await edit(fields));
    const again = await edit(fields);
    expect(again.headers.get('cache-status')).toMatch(/; hit/);
    expect((await bytesOf(again)).equals(first)).toBe(true);
    // Another mask is another draw: the model has seen it.
    const other = await sharp(mask).flop().png().toBuffer();
    expect(await changed(await bytesOf(await edit({ ...fields, mask: other })))).toMatchObject({ left: 0 });
    expect(gateway.simulator.calls.length - before).toBe(2);
  });

  test('that many ask for at once is drawn once', async () => {
    const fields = { prompt: 'a hat for many', image: picture, mask, seed: '6' };
    const before = gateway.simulator.calls.length;
    const all = await Promise.all([1, 2, 3, 4].map(async () => bytesOf(await edit(fields))));
    expect(gateway.simulator.calls.length - before).toBe(1);
    for (const bytes of all) expect(bytes.equals(all[0]!)).toBe(true);
  });

  test('in a format that loses something is given with a warning', async () => {
    for (const [fields, headers, words] of [
      [{ output_format: 'jpeg' }, {}, 'As jpeg'],
      [{}, { accept: 'image/jpeg' }, 'As jpeg'],
      [{ output_format: 'webp', output_compression: '90' }, {}, 'As webp of output_compression 90'],
    ] as const) {
      const reply = await edit({ prompt: 'a lossy hat', image: picture, mask, ...fields }, headers);
      expect(reply.headers.get('x-plantain-warning')).toContain(`${words} the pixels outside the mask`);
      await reply.arrayBuffer();
    }
  });

  test('is the same pixels as PNG, as lossless WebP, drawn or a hit, and under a link', async () => {
    const fields = { prompt: 'a hat in every format', image: picture, mask, seed: '9' };
    const before = gateway.simulator.calls.length;
    const png = await rgb(await bytesOf(await edit(fields)));
    for (const more of [{}, { output_format: 'webp' }, { output_format: 'webp', output_compression: '100' }]) {
      for (const how of ['made', 'kept']) {
        const reply = await edit({ ...fields, ...more });
        expect([how, reply.headers.get('x-plantain-warning')]).toEqual([how, null]);
        const bytes = await bytesOf(reply);
        expect((await rgb(bytes)).equals(png)).toBe(true);
        expect(await changed(bytes)).toMatchObject({ right: 0 });
      }
    }
    const linked = await edit({ ...fields, output_format: 'webp', response_format: 'url' });
    const { data } = (await linked.json()) as { data: { url: string }[] };
    const behind = Buffer.from(await (await fetch(data[0]!.url)).arrayBuffer());
    expect((await rgb(behind)).equals(png)).toBe(true);
    expect(gateway.simulator.calls.length - before).toBe(1);
  });

  const odd: Readonly<Record<string, () => Promise<Buffer>>> = {
    'one pixel': () => withHole(1, 1),
    'a line': () => withHole(WIDTH, 1),
    'all of it': () => withHole(WIDTH, HEIGHT),
    'all but a pixel': () => withHole(WIDTH - 1, HEIGHT),
    'an edge': () => withHole(1, HEIGHT),
    '16 bits': async () => sharp(mask).toColourspace('rgb16').png().toBuffer(),
    'a palette': async () => sharp(mask).png({ palette: true }).toBuffer(),
    'a palette of two': async () => sharp(mask).png({ palette: true, colours: 2 }).toBuffer(),
    'grey with alpha': async () => sharp(mask).toColourspace('b-w').png().toBuffer(),
    'half transparent': async () => withHole(WIDTH / 2, HEIGHT, 128),
    'hardly transparent': async () => withHole(WIDTH / 2, HEIGHT, 254),
    'a slope': () => slope(),
    interlaced: async () => sharp(mask).png({ progressive: true }).toBuffer(),
    'with a profile': async () => sharp(mask).withIccProfile('p3').png().toBuffer(),
    'turned by Exif': async () => sharp(mask).withMetadata({ orientation: 3 }).png().toBuffer(),
    'with text in it': async () => sharp(mask).withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>').png().toBuffer(),
    uncompressed: async () => sharp(mask).png({ compressionLevel: 0 }).toBuffer(),
  };

  test.each(Object.keys(odd))('of %s changes no pixel where the mask is opaque', async (what) => {
    const made = await odd[what]!();
    const bytes = await bytesOf(await edit({ prompt: `an odd mask: ${what}`, image: picture, mask: made }));
    const [before, after] = [await rgb(picture), await rgb(bytes)];
    const { data: alpha } = await sharp(made)
      .autoOrient()
      .ensureAlpha()
      .extractChannel('alpha')
      .toColourspace('b-w')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    expect(alpha).toHaveLength(WIDTH * HEIGHT);
    let changed = 0;
    for (let pixel = 0; pixel < alpha.length; pixel += 1) {
      const same = before.subarray(pixel * 3, pixel * 3 + 3).equals(after.subarray(pixel * 3, pixel * 3 + 3));
      if (alpha[pixel] === 255) expect([what, pixel, same]).toEqual([what, pixel, true]);
      else if (!same) changed += 1;
    }
    if (what !== 'hardly transparent') expect(changed).toBeGreaterThan(0);
  });

  test('bare is a PNG where no type is named', async () => {
    const reply = await edit({ prompt: 'a bare hat', image: picture, mask }, { accept: 'image/*' });
    expect(reply.headers.get('content-type')).toBe('image/png');
    expect(await changed(Buffer.from(await reply.arrayBuffer()))).toMatchObject({ right: 0 });
  });

  test('may be asked for in JSON', async () => {
    const url = (bytes: Buffer) => ({ image_url: `data:image/png;base64,${bytes.toString('base64')}` });
    const reply = await gateway.post(EDITS, {
      prompt: 'a hat of JSON',
      images: [url(picture)],
      mask: url(mask),
      size: '2K',
    });
    expect(await changed(await bytesOf(reply))).toMatchObject({ right: 0 });
  });
});

test.each<[string, () => Promise<Buffer>, RegExp]>([
  ['of another size', () => leftHalf(WIDTH, HEIGHT + 1), /300x200, is 300x201/],
  ['that is opaque everywhere', async () => picture, /opaque everywhere/],
  ['that is a JPEG', () => sharp(picture).jpeg().toBuffer(), /PNG with transparent pixels/],
  ['that is cut off', async () => mask.subarray(0, -30), /whole picture/],
  ['that is no picture', async () => Buffer.from('mask'), /no picture/],
])('a mask %s is a 400 naming it, before anything is drawn', async (_what, make, words) => {
  const before = gateway.simulator.calls.length;
  const reply = await edit({ prompt: 'x', image: picture, mask: await make() });
  const { error } = (await reply.json()) as { error: { message: string; param: string } };
  expect([reply.status, error.param, error.message]).toEqual([400, 'mask', expect.stringMatching(words)]);
  expect(gateway.simulator.calls).toHaveLength(before);
});

test.each<[string, () => Buffer]>([
  ['is cut off', () => picture.subarray(0, -30)],
  ['is whole and cannot be decoded', () => pngOf(5000)],
])('a picture that %s is a 400 naming it, before anything is drawn', async (_what, make) => {
  const before = gateway.simulator.calls.length;
  const reply = await edit({ prompt: 'x', image: make(), mask });
  expect([reply.status, await reply.json()]).toMatchObject([400, { error: { param: 'image' } }]);
  expect(gateway.simulator.calls).toHaveLength(before);
});
