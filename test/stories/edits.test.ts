import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import { drawing } from '../image/samples.ts';
import { expectEnvelope } from '../support/envelope.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const EDITS = '/v1/images/edits';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const RUNS = process.env.PLANTAIN_TEST_LONG === undefined ? 1_000 : 50_000;

let gateway: TestGateway;
let png: Buffer;
beforeAll(async () => {
  gateway = await startGateway();
  png = await drawing(3).png().toBuffer();
});
afterAll(() => gateway.close());

type Fields = Readonly<Record<string, string | Blob>>;

function form(fields: Fields): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

const file = (bytes: Buffer = png, type = 'image/png') => new Blob([new Uint8Array(bytes)], { type });

const postForm = (path: string, fields: Fields, headers: Record<string, string> = {}) =>
  fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, ...headers },
    body: form(fields),
  });

async function upstreamCalls(work: () => Promise<unknown>): Promise<number> {
  const before = gateway.simulator.calls.length;
  await work();
  return gateway.simulator.calls.length - before;
}

const status = (reply: Response): string => reply.headers.get('cache-status') ?? '';

describe('an edit', () => {
  test('is one entry, however its picture was sent and in whatever dialect', async () => {
    const base64 = png.toString('base64');
    const prompt = 'one edit in every dialect';
    const ways: readonly (() => Promise<Response>)[] = [
      () => postForm(EDITS, { image: file(), prompt, seed: '7' }),
      () => postForm('/images/edits', { seed: '7', 'image[]': file(png, 'application/octet-stream'), prompt }),
      () => gateway.post(EDITS, { prompt, seed: 7, images: [{ image_url: `data:image/png;base64,${base64}` }] }),
      () => gateway.post(EDITS, { prompt, seed: 7, image: `data:image/webp;base64,${png.toString('base64url')}` }),
      () => gateway.post(`/v1beta/openai/images/edits`, { prompt, extra_body: { seed: 7 }, image: [base64] }),
      () =>
        gateway.post(NATIVE, {
          contents: [{ parts: [{ text: prompt }, { inlineData: { mimeType: 'image/jpeg', data: base64 } }] }],
          generationConfig: { seed: 7, responseModalities: ['IMAGE'] },
        }),
    ];
    const seen: string[] = [];
    const calls = await upstreamCalls(async () => {
      for (const way of ways) {
        const reply = await way();
        expect(reply.status, await reply.clone().text()).toBe(200);
        seen.push(/; (hit|fwd=miss)/.exec(status(reply))?.[1] ?? '');
      }
    });
    expect(seen).toEqual(['fwd=miss', ...Array<string>(5).fill('hit')]);
    expect(calls).toBe(1);
  });

  test('of another picture is another entry', async () => {
    const other = await drawing(4).png().toBuffer();
    const calls = await upstreamCalls(async () => {
      for (const bytes of [png, other])
        await postForm(EDITS, { image: file(bytes), prompt: 'two pictures', seed: '1' });
    });
    expect(calls).toBe(2);
  });

  test('is quoted from either kind of body, and a hit once it was drawn', async () => {
    const fields = { image: file(), prompt: 'quoted', seed: '3' };
    const json = {
      prompt: 'quoted',
      seed: 3,
      images: [{ image_url: `data:image/png;base64,${png.toString('base64')}` }],
    };
    const quotes = async () => {
      const both = [
        await postForm(`/v1/quote?for=${EDITS}`, fields),
        await gateway.post(`/v1/quote?for=${EDITS}`, json),
      ];
      return Promise.all(both.map((reply) => reply.json() as Promise<Record<string, unknown>>));
    };
    const before = await quotes();
    expect(before[0]).toMatchObject({ object: 'quote', pictures: 1, hits: 0, to_draw: 1 });
    expect(before[1]).toEqual(before[0]);
    await postForm(EDITS, fields);
    const after = await quotes();
    expect(after[0]).toMatchObject({ hits: 1, to_draw: 0 });
    expect(after[1]).toEqual(after[0]);
  });

  test('gives the bare picture to who asks for it', async () => {
    const reply = await postForm(EDITS, { image: file(), prompt: 'bare' }, { accept: 'image/webp' });
    expect(reply.headers.get('content-type')).toBe('image/webp');
    expect((await checkPicture(Buffer.from(await reply.arrayBuffer()))).type).toBe('webp');
  });

  test('may be a task', async () => {
    const reply = await postForm(EDITS, { image: file(), prompt: 'later' }, { prefer: 'respond-async' });
    expect(reply.status).toBe(202);
    const at = reply.headers.get('location') ?? '';
    let task: Response;
    do {
      task = await fetch(new URL(at, gateway.url), { headers: { authorization: `Bearer ${KEY}` } });
      if (task.status === 202) await task.arrayBuffer();
    } while (task.status === 202);
    expect(task.status).toBe(200);
  });
});

test('a variation is drawn from its form, and one entry with a seed', async () => {
  const replies = [];
  for (let turn = 0; turn < 2; turn += 1)
    replies.push(await postForm('/v1/images/variations', { image: file(), size: '512x512', seed: '4' }));
  expect(replies.map(({ status }) => status)).toEqual([200, 200]);
  expect(status(replies[1]!)).toMatch(/; hit/);
});

describe('fit: exact', () => {
  test('is made of what is drawn, or was: the pixels asked for are no part of the draw', async () => {
    const asked = { prompt: 'a banner', seed: 9, size: '1200x630' };
    const sizes: string[] = [];
    const calls = await upstreamCalls(async () => {
      for (const fit of [null, 'exact', 'exact', null]) {
        const reply = await gateway.post('/v1/images/generations', { ...asked, fit });
        const { size, data } = (await reply.json()) as { size: string; data: { b64_json: string }[] };
        const { width, height } = await checkPicture(Buffer.from(data[0]!.b64_json, 'base64'));
        expect(size).toBe(`${width}x${height}`);
        expect(reply.headers.get('x-plantain-size')).toBe(size);
        sizes.push(size);
      }
    });
    expect(calls).toBe(1);
    expect(sizes).toEqual(['1376x768', '1200x630', '1200x630', '1376x768']);
  });
});

describe('what cannot be read', () => {
  const raw = async (path: string, type: string, body: string) => {
    const reply = await gateway.post(path, body, { 'content-type': type });
    const failed = { status: reply.status, body: await reply.text(), headers: reply.headers };
    return { status: reply.status, message: expectEnvelope(failed, 'openai'), body: failed.body };
  };
  const FORM = 'multipart/form-data; boundary=b';

  test.each([
    ['multipart/form-data', '', 400, /must name its boundary/],
    ['multipart/form-data; boundary=', '', 400, /1 to 70 characters/],
    [`multipart/form-data; boundary=${'b'.repeat(71)}`, '', 400, /1 to 70 characters/],
    ['multipart/form-data; boundary=a; boundary=b', '', 400, /must be one/],
    [FORM, '', 400, /begin with the boundary/],
    [FORM, '--c\r\n', 400, /begin with the boundary/],
    [FORM, '--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx', 400, /at prompt: it ends before/],
    [FORM, '--b--', 400, /image is missing|prompt is missing/],
    [FORM, '--b\r\nContent-Disposition: form-data; name="stream"\r\n\r\nmaybe\r\n--b--', 400, /missing|true or false/],
    ['multipart/mixed; boundary=b', '', 415, /multipart\/form-data \(curl -F\)/],
    ['application/x-www-form-urlencoded', 'prompt=x', 415, /multipart\/form-data \(curl -F\)/],
    ['application/json; charset=latin1', '{}', 415, /UTF-8/],
  ])('%s, %j is a %i that says why', async (type, body, code, words) => {
    const refused = await raw(EDITS, type, body);
    expect([refused.status, refused.message]).toEqual([code, expect.stringMatching(words)]);
  });

  test('a form on a path that takes JSON alone is the usual 415', async () => {
    const reply = await postForm('/v1/images/generations', { prompt: 'x' });
    expect([reply.status, await reply.text()]).toEqual([415, expect.stringContaining('This path takes JSON')]);
  });

  test('a file larger than OpenAI takes is a 413 naming the field', async () => {
    const reply = await postForm(EDITS, { prompt: 'x', image: file(Buffer.alloc((50 << 20) + 1)) });
    expect([reply.status, await reply.json()]).toMatchObject([413, { error: { param: 'image' } }]);
  });

  /** Sends 100 MB piece by piece until it hears an answer; how much more was held meanwhile at most, in MB. */
  async function hundred(headers: Record<string, string>): Promise<{ status: number; heldMB: number; sentMB: number }> {
    const sent = request(gateway.url + EDITS, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': FORM, ...headers },
    });
    sent.on('error', () => undefined);
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    const heard = { answer: false };
    const stop = answered.then(() => (heard.answer = true));
    const piece = Buffer.alloc(1 << 20, 'x');
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let sentMB = 0;
    sent.write('--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n');
    while (sentMB < 100 && !heard.answer) {
      if (!sent.write(piece)) await Promise.race([once(sent, 'drain'), stop]);
      sentMB += 1;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    const [reply] = await answered;
    reply.resume();
    sent.destroy();
    return { status: reply.statusCode ?? 0, heldMB: most / 1e6, sentMB };
  }

  test('100 MB are refused by their declared length, before they are read', async () => {
    const { status, heldMB, sentMB } = await hundred({ 'content-length': String(100e6) });
    expect(status).toBe(413);
    expect(sentMB).toBeLessThan(20);
    expect(heldMB).toBeLessThan(40);
  });

  test('100 MB of undeclared length are refused at the bound, and no more than it is held', async () => {
    const { status, heldMB, sentMB } = await hundred({ 'transfer-encoding': 'chunked' });
    expect(status).toBe(413);
    expect(sentMB).toBeLessThan(80);
    // A file of 50 MB as base64.
    expect(heldMB).toBeLessThan(140);
  });

  test('whatever is done to a form, the answer is a picture or says what the caller can do', async () => {
    const written = Buffer.from(
      await new Response(
        form({ prompt: 'x', image: file(), n: '1', seed: '11', 'image_config[image_size]': '1K' }),
      ).arrayBuffer(),
    );
    const boundary = /^--([^\r]*)/.exec(written.toString('latin1'))?.[1] ?? '';
    const change = fc.record({
      at: fc.nat(written.length - 1),
      cut: fc.nat(40),
      put: fc.oneof(
        fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
        fc
          .constantFrom(
            '\r\n',
            '\r\n\r\n',
            '--',
            `\r\n--${boundary}`,
            '[',
            ']',
            '[]',
            '"',
            '; filename=""',
            'null',
            '{',
            '[[[[',
            '-1',
            '__proto__',
            'mask',
          )
          .map((text) => Buffer.from(text)),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        let bytes = written;
        for (const { at, cut, put } of changes)
          bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]);
        const reply = await gateway.post(`/v1/quote?for=${EDITS}`, bytes, {
          'content-type': `multipart/form-data; boundary=${boundary}`,
        });
        const words = await reply.text();
        expect(reply.status, words).toBeLessThan(500);
        if (reply.status >= 400) expect(JSON.parse(words)).toMatchObject({ error: { message: expect.any(String) } });
      }),
      { numRuns: RUNS, seed: 20_261_127 },
    );
  }, 600_000);
});
