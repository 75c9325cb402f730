import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawing } from '../image/samples.ts';
import { admin } from '../support/admin.ts';
import { KEY, OTHER_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { openDirectory, openGateway } from '../support/open.ts';

const EDITS = '/v1/images/edits';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const HOUR_MS = 3_600_000;
const ACME = { authorization: `Bearer ${KEY}` };
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
const GOOGLE = { 'x-goog-api-key': KEY };
const CLAUDE = { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' };

let png: Buffer;
let jpeg: Buffer;
beforeAll(async () => {
  png = await drawing(3).png().toBuffer();
  jpeg = await drawing(4).jpeg().toBuffer();
});

interface Told {
  readonly id: string;
  readonly file: { readonly name: string; readonly uri: string; readonly mimeType: string; readonly sizeBytes: string };
  readonly data: readonly { readonly id: string }[];
  readonly files?: readonly { readonly name: string; readonly uri: string }[];
  readonly nextPageToken?: string;
  readonly has_more: boolean;
  readonly error: { readonly message: string; readonly code: unknown; readonly param?: string | null };
}

const toldOf = async (reply: Response): Promise<Told> => (await reply.json()) as Told;

/** As OpenAI's and Claude's clients send it. */
async function send(
  gateway: TestGateway,
  bytes: Uint8Array,
  {
    headers = ACME,
    fields = { purpose: 'vision' },
    path = '/v1/files',
  }: {
    readonly headers?: Record<string, string>;
    readonly fields?: Record<string, string>;
    readonly path?: string;
  } = {},
): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([new Uint8Array(bytes)]), 'fox.png');
  return fetch(gateway.url + path, { method: 'POST', headers, body: form });
}

async function idOf(gateway: TestGateway, bytes: Uint8Array): Promise<string> {
  const reply = await send(gateway, bytes);
  expect(reply.status).toBe(200);
  return (await toldOf(reply)).id.replace(/^file-/, '');
}

async function raw(
  gateway: TestGateway,
  bytes: Uint8Array,
  headers: Record<string, string> = {},
  query = '',
): Promise<Response> {
  return fetch(`${gateway.url}/upload/v1beta/files${query}`, {
    method: 'POST',
    headers: { ...GOOGLE, 'x-goog-upload-protocol': 'raw', ...headers },
    body: new Uint8Array(bytes),
  });
}

async function begin(gateway: TestGateway, file: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.url}/upload/v1beta/files`, {
    method: 'POST',
    headers: {
      ...GOOGLE,
      'content-type': 'application/json',
      'x-goog-upload-protocol': 'resumable',
      'x-goog-upload-command': 'start',
      ...headers,
    },
    body: JSON.stringify({ file }),
  });
}

/** Nothing shows whose it is but its address, as Python's SDK sends it. */
async function piece(url: string, command: string, offset: number, bytes: Uint8Array): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-goog-upload-command': command,
      'x-goog-upload-offset': String(offset),
    },
    body: new Uint8Array(bytes),
  });
}

const urlOf = (reply: Response): string => reply.headers.get('x-goog-upload-url')!;
const editOf = (picture: object, more: object = {}) => ({
  prompt: 'a hat',
  seed: 7,
  image_size: '512',
  images: [picture],
  ...more,
});

describe('a file', () => {
  test('is, in every dialect and however it was sent, the picture itself: one entry of the cache', async () => {
    const gateway = await openGateway();
    const id = await idOf(gateway, png);
    const { file } = await toldOf(await raw(gateway, png));
    const base64 = png.toString('base64');
    const native = (part: object): object => ({
      contents: [{ parts: [{ text: 'a hat' }, part] }],
      generationConfig: { seed: 7, responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' } },
    });
    const ways: readonly (readonly [string, object, Record<string, string>])[] = [
      [EDITS, editOf({ image_url: `data:image/png;base64,${base64}` }), {}],
      [EDITS, editOf({ file_id: `file-${id}` }), {}],
      [EDITS, editOf({ file_id: `file_${id}` }), {}],
      [NATIVE, native({ fileData: { fileUri: file.uri, mimeType: 'image/png' } }), {}],
      [NATIVE, native({ file_data: { file_uri: `files/${id}` } }), {}],
      [NATIVE, native({ inlineData: { mimeType: 'image/png', data: png.toString('base64url') } }), {}],
      [
        '/v1/responses',
        {
          model: 'gemini-3.1-flash-image',
          seed: 7,
          modalities: ['image'],
          image_config: { image_size: '512' },
          tools: [{ type: 'image_generation' }],
          input: [
            {
              role: 'user',
              content: [
                { type: 'input_text', text: 'a hat' },
                { type: 'input_image', file_id: `file-${id}` },
              ],
            },
          ],
        },
        {},
      ],
      [
        '/v1/chat/completions',
        {
          model: 'gemini-3.1-flash-image',
          seed: 7,
          modalities: ['image'],
          image_config: { image_size: '512' },
          messages: [
            {
              role: 'user',
              content: [
                { type: 'text', text: 'a hat' },
                { type: 'file', file: { file_id: `file-${id}` } },
              ],
            },
          ],
        },
        {},
      ],
    ];
    const seen: string[] = [];
    for (const [path, body, headers] of ways) {
      const reply = await gateway.post(path, body, headers);
      expect([path, reply.status, reply.status === 200 ? '' : await reply.text()]).toEqual([path, 200, '']);
      seen.push(/; (hit|fwd=\w+)/.exec(reply.headers.get('cache-status') ?? '')![1]!);
    }
    expect(seen).toEqual(['fwd=miss', ...Array<string>(ways.length - 1).fill('hit')]);
    expect(gateway.simulator.calls).toHaveLength(1);
  });

  test('is an input of Claude’s and a mask of OpenAI’s, and is counted like a picture', async () => {
    const gateway = await openGateway();
    const id = await idOf(gateway, png);
    const message = {
      model: 'gemini-3.1-flash-image',
      max_tokens: 1024,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a hat' },
            { type: 'image', source: { type: 'file', file_id: `file_${id}` } },
          ],
        },
      ],
    };
    const reply = await gateway.post('/v1/messages', message, CLAUDE);
    expect(reply.status).toBe(200);
    const [call] = gateway.simulator.calls;
    expect(JSON.stringify(call)).not.toContain(id);
    const tokens = async (source: object): Promise<unknown> => {
      const content = [{ type: 'image', source }];
      const messages = [{ role: 'user', content }];
      return (await gateway.post('/v1/messages/count_tokens', { ...message, messages }, CLAUDE)).json();
    };
    expect(await tokens({ type: 'file', file_id: `file_${id}` })).toEqual(
      await tokens({ type: 'base64', media_type: 'image/png', data: png.toString('base64') }),
    );

    const { width, height } = await drawing(3).metadata();
    const hole = { create: { width, height, channels: 4 as const, background: '#00000000' } };
    const mask = await idOf(gateway, await sharp(hole).png().toBuffer());
    const masked = await gateway.post(EDITS, editOf({ file_id: `file-${id}` }, { mask: { file_id: `file-${mask}` } }));
    expect([masked.status, masked.headers.get('x-plantain-size')]).toEqual([200, `${width}x${height}`]);
    const response = await gateway.post('/v1/responses', {
      model: 'gemini-3.1-flash-image',
      tools: [{ type: 'image_generation', input_image_mask: { file_id: `file-${mask}` } }],
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'a hat' },
            { type: 'input_image', file_id: `file-${id}` },
          ],
        },
      ],
    });
    expect([response.status, response.headers.get('x-plantain-size')]).toEqual([200, `${width}x${height}`]);
  });

  test('is typed by its bytes, listed the newest first, had again byte for byte, and deleted', async () => {
    const clock = { now: Date.now() };
    const gateway = await openGateway({ now: () => clock.now });
    const ids: string[] = [];
    for (const bytes of [png, jpeg, Buffer.from('{"a":1}\n')]) {
      ids.unshift(await idOf(gateway, bytes));
      clock.now += 1000;
    }
    const get = async (path: string, headers: Record<string, string>): Promise<Response> =>
      fetch(gateway.url + path, { headers });
    const openai = await toldOf(await get('/v1/files', ACME));
    expect(openai.data.map(({ id }) => id)).toEqual(ids.map((id) => `file-${id}`));
    const firstPage = await toldOf(await get('/v1/files?limit=2', ACME));
    expect([firstPage.data.length, firstPage.has_more]).toEqual([2, true]);
    const lastPage = await toldOf(await get(`/v1/files?limit=2&after=file-${ids[1]}`, ACME));
    expect(lastPage.data.map(({ id }) => id)).toEqual([`file-${ids[2]}`]);
    expect((await toldOf(await get('/v1/files?purpose=batch', ACME))).data).toEqual([]);

    // The same path, told by headers whose it is.
    const google = await toldOf(await get('/v1/files?pageSize=2', GOOGLE));
    expect(google.files!.map(({ name }) => name)).toEqual(ids.slice(0, 2).map((id) => `files/${id}`));
    const next = await toldOf(await get(`/v1beta/files?pageSize=2&pageToken=${google.nextPageToken!}`, GOOGLE));
    expect([next.files!.map(({ name }) => name), next.nextPageToken]).toEqual([[`files/${ids[2]}`], undefined]);
    const claude = (await (await get('/v1/files', CLAUDE)).json()) as { data: { id: string; mime_type: string }[] };
    expect(claude.data.map(({ id, mime_type }) => [id, mime_type])).toEqual([
      [`file_${ids[0]}`, 'application/octet-stream'],
      [`file_${ids[1]}`, 'image/jpeg'],
      [`file_${ids[2]}`, 'image/png'],
    ]);

    for (const [path, headers] of [
      [`/v1/files/file-${ids[1]}/content`, ACME],
      [`/v1beta/openai/files/file-${ids[1]}/content`, ACME],
      [`/v1/files/file_${ids[1]}/content`, CLAUDE],
      [`/v1/files/${ids[1]}:download?alt=media`, GOOGLE],
      [`/download/v1beta/files/${ids[1]}:download?alt=media`, GOOGLE],
    ] as const) {
      const reply = await get(path, headers);
      expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
      expect(reply.headers.get('content-disposition')).toBe('attachment');
      expect(Buffer.from(await reply.arrayBuffer()).equals(jpeg)).toBe(true);
    }

    const remove = async (path: string, headers: Record<string, string>): Promise<unknown> =>
      (await fetch(gateway.url + path, { method: 'DELETE', headers })).json();
    expect(await remove(`/v1/files/file-${ids[0]}`, ACME)).toEqual({
      id: `file-${ids[0]}`,
      object: 'file',
      deleted: true,
    });
    expect(await remove(`/v1beta/files/${ids[1]}`, GOOGLE)).toEqual({});
    expect(await remove(`/v1/files/file_${ids[2]}`, CLAUDE)).toEqual({ id: `file_${ids[2]}`, type: 'file_deleted' });
    expect((await toldOf(await get('/v1/files', ACME))).data).toEqual([]);
    expect((await get(`/v1/files/file-${ids[0]}`, ACME)).status).toBe(404);
  });

  test('is its tenant’s alone: for another, and once it is deleted or forgotten, there never was one', async () => {
    const gateway = await openGateway({ admin: true });
    const id = await idOf(gateway, png);
    for (const path of [`/v1/files/file-${id}`, `/v1/files/file-${id}/content`])
      expect((await fetch(gateway.url + path, { headers: OTHER })).status).toBe(404);
    const theirs = { 'x-goog-api-key': OTHER_KEY };
    const google = await fetch(`${gateway.url}/v1beta/files/${id}`, { headers: theirs });
    expect([google.status, (await toldOf(google)).error.message]).toEqual([
      403,
      `You do not have permission to access the File ${id} or it may not exist.`,
    ]);
    expect((await fetch(`${gateway.url}/v1/files/file-${id}`, { method: 'DELETE', headers: OTHER })).status).toBe(404);
    const edit = await gateway.post(EDITS, editOf({ file_id: `file-${id}` }), OTHER);
    const { error } = await toldOf(edit);
    expect([edit.status, error.code, error.param]).toEqual([400, 'file_not_found', 'images[0].file_id']);
    const native = await gateway.post(
      NATIVE,
      { contents: [{ parts: [{ text: 'a hat' }, { fileData: { fileUri: `files/${id}` } }] }] },
      OTHER,
    );
    expect(native.status).toBe(403);
    expect((await toldOf(await fetch(`${gateway.url}/v1/files`, { headers: OTHER }))).data).toEqual([]);
    expect(gateway.simulator.calls).toEqual([]);

    await admin(gateway.adminUrl, 'POST', '/admin/tenants', { id: 'hooli' });
    const made = await admin(gateway.adminUrl, 'POST', '/admin/keys', { tenant: 'hooli' });
    const hooli = { authorization: `Bearer ${String(made.body['key'])}` };
    expect((await send(gateway, png, { headers: hooli })).status).toBe(200);
    const begun = await begin(gateway, {}, { 'x-goog-api-key': String(made.body['key']) });
    await admin(gateway.adminUrl, 'DELETE', '/admin/tenants/hooli');
    // What was begun with a key is no way in once its tenant is gone.
    expect((await piece(urlOf(begun), 'upload, finalize', 0, png)).status).toBe(403);
    expect((await admin(gateway.adminUrl, 'POST', '/admin/tenants/hooli/forget')).status).toBe(200);
    await expect.poll(async () => (await gateway.cache.stats()).map(({ scope }) => scope)).not.toContain('hooli');
  });

  test('goes with its tenant, though another keeps its pictures under that name, and though it came too late', async () => {
    const gateway = await openGateway({ admin: true });
    await admin(gateway.adminUrl, 'POST', '/admin/tenants', { id: 'hooli' });
    await admin(gateway.adminUrl, 'POST', '/admin/tenants', { id: 'raviga', cache: { scope: 'hooli' } });
    const keyOf = async (): Promise<{ id: string; key: string }> =>
      (await admin(gateway.adminUrl, 'POST', '/admin/keys', { tenant: 'hooli' })).body as { id: string; key: string };
    const [made, revoked] = [await keyOf(), await keyOf()];
    expect((await send(gateway, png, { headers: { authorization: `Bearer ${made.key}` } })).status).toBe(200);
    const ended = urlOf(await begin(gateway, {}, { 'x-goog-api-key': revoked.key }));
    await admin(gateway.adminUrl, 'POST', `/admin/keys/${revoked.id}/revoke`);
    expect((await piece(ended, 'upload, finalize', 0, png)).status).toBe(403);

    const late = ['upload, finalize', 'upload', 'raw'].map(async (command) => {
      const isRaw = command === 'raw';
      const url = isRaw
        ? `${gateway.url}/upload/v1beta/files`
        : urlOf(await begin(gateway, {}, { 'x-goog-api-key': made.key }));
      const headers = isRaw
        ? { 'x-goog-api-key': made.key, 'x-goog-upload-protocol': 'raw' }
        : { 'x-goog-upload-command': command, 'x-goog-upload-offset': '0' };
      const sending = request(url, { method: 'POST', headers });
      sending.write(Buffer.alloc(1 << 18, 1));
      return {
        sending,
        told: once(sending, 'response').then(([reply]) => (reply as IncomingMessage).resume().statusCode),
      };
    });
    const begun = await Promise.all(late);
    await setTimeout(100);
    await admin(gateway.adminUrl, 'DELETE', '/admin/tenants/hooli');
    expect((await admin(gateway.adminUrl, 'POST', '/admin/tenants/hooli/forget')).status).toBe(200);
    for (const { sending } of begun) sending.end();
    expect(await Promise.all(begun.map(async ({ told }) => told))).toEqual([403, 403, 401]);
    expect(await gateway.cache.stats()).toEqual([]);
  });

  test('outlives a restart and ends after 48 hours, or when its sender said', async () => {
    const directory = openDirectory();
    const clock = { now: Date.now() };
    const options = { directory, now: () => clock.now };
    const before = await openGateway(options);
    const id = await idOf(before, png);
    const short = await send(before, jpeg, {
      fields: { purpose: 'vision', 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '3600' },
    });
    const shortId = (await toldOf(short)).id;
    const long = await send(before, jpeg, {
      fields: { purpose: 'vision', 'expires_after[anchor]': 'created_at', 'expires_after[seconds]': '2592000' },
    });
    expect(long.headers.get('x-plantain-warning')).toMatch(
      /expires_after is not honoured: files are kept for 48 hours/,
    );
    await before.close();

    const after = await openGateway(options);
    clock.now += HOUR_MS - 1000;
    const had = await fetch(`${after.url}/v1/files/${shortId}/content`, { headers: ACME });
    expect(Buffer.from(await had.arrayBuffer()).equals(jpeg)).toBe(true);
    clock.now += 2000;
    expect((await fetch(`${after.url}/v1/files/${shortId}`, { headers: ACME })).status).toBe(404);
    expect((await after.post(EDITS, editOf({ file_id: `file-${id}` }))).status).toBe(200);
    clock.now += 47 * HOUR_MS;
    const late = await after.post(EDITS, editOf({ file_id: `file-${id}` }, { prompt: 'later' }));
    expect([late.status, (await toldOf(late)).error.code]).toEqual([400, 'file_not_found']);
    expect((await toldOf(await fetch(`${after.url}/v1/files`, { headers: ACME }))).data).toEqual([]);
  });

  test.each(['memory', 'disk'])(
    'has its bounds, kept in %s: its own size, its tenant’s files, the room of others',
    async (store) => {
      const cache = { store, memoryBytes: 10_000_000, diskBytes: 10_000_000 };
      const files = { bytesPerFile: 100_000, bytesPerTenant: 250_000, perTenant: 4 };
      const gateway = await openGateway({ config: { cache, files } });
      const bytes = (length: number, fill: number): Buffer => Buffer.alloc(length, fill);
      const refusal = async (reply: Response): Promise<unknown[]> => [
        reply.status,
        (await toldOf(reply)).error.code,
        reply.headers.get('x-should-retry'),
      ];
      expect(await refusal(await send(gateway, bytes(100_001, 1)))).toEqual([413, 'request_too_large', 'false']);
      expect(await refusal(await send(gateway, bytes(0, 1)))).toEqual([400, 'empty_file', 'false']);
      // Two at once for the last room: one of them has it.
      const both = await Promise.all([2, 3, 4].map(async (fill) => send(gateway, bytes(100_000, fill))));
      expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 429]);
      expect(await refusal(await send(gateway, bytes(60_000, 5)))).toEqual([429, 'rate_limit_exceeded', 'false']);
      const begun = await begin(gateway, {}, { 'x-goog-upload-header-content-length': '60000' });
      expect(begun.status).toBe(429);
      for (const fill of [6, 7]) expect((await send(gateway, bytes(100, fill))).status).toBe(200);
      expect(await refusal(await send(gateway, bytes(100, 8)))).toEqual([429, 'rate_limit_exceeded', 'false']);
      expect((await send(gateway, bytes(100, 8), { headers: OTHER })).status).toBe(200);

      const crowded = await openGateway({ config: { cache: { ...cache, memoryBytes: 400_000, diskBytes: 400_000 } } });
      const replies: Response[] = [];
      while (replies.at(-1)?.status !== 503 && replies.length < 10)
        replies.push(await send(crowded, bytes(30_000, replies.length)));
      expect(await refusal(replies.at(-1)!)).toEqual([503, 'no_room_for_files', 'false']);
      // What is kept is kept whole; what was refused is not there.
      const listed = (await toldOf(await fetch(`${crowded.url}/v1/files`, { headers: ACME }))).data;
      expect(listed).toHaveLength(replies.length - 1);
      for (const { id } of listed)
        expect((await fetch(`${crowded.url}/v1/files/${id}/content`, { headers: ACME })).status).toBe(200);
    },
  );
});

describe('a request', () => {
  test('names files where pictures stand, alone, and no more than go up in one body', async () => {
    const gateway = await openGateway({ config: { bounds: { bodyBytes: 4 << 20 } } });
    const id = await idOf(gateway, Buffer.concat([png, Buffer.alloc(1 << 20)]));
    const part = { fileData: { fileUri: `files/${id}` } };
    const asked = async (parts: readonly object[]): Promise<unknown[]> => {
      const reply = await gateway.post(NATIVE, { contents: [{ parts: [{ text: 'a hat' }, ...parts] }] });
      return [reply.status, (await reply.text()).includes('files of one request')];
    };
    expect(await asked(Array.from({ length: 10 }, () => part))).toEqual([413, true]);
    expect(gateway.simulator.calls).toEqual([]);

    const small = await idOf(gateway, png);
    expect(await asked([{ fileData: { fileUri: `files/${small}` }, inlineData: null }])).toEqual([200, false]);
    const chat = await gateway.post('/v1/chat/completions', {
      model: 'gemini-3.1-flash-image',
      metadata: { file_id: 'my own' },
      messages: [{ role: 'user', content: 'a hat' }],
    });
    expect(chat.status).toBe(200);
    const source = { type: 'file', file_id: `file_${small}`, media_type: 'image/png', data: 'AAAA' };
    const claude = await gateway.post('/v1/messages', {
      model: 'gemini-3.1-flash-image',
      max_tokens: 100,
      messages: [{ role: 'user', content: [{ type: 'image', source }] }],
    });
    expect([claude.status, (await toldOf(claude)).error.message]).toEqual([
      400,
      'messages[0].content[0].source.data and messages[0].content[0].source.file_id say different things. Send only one of them.',
    ]);
  });
});

test('a form with two files, or none, is a 400; a name of any script comes back as it was', async () => {
  const gateway = await openGateway();
  const form = new FormData();
  form.append('purpose', 'vision');
  for (const name of ['a.png', 'b.png']) form.append('file', new Blob([new Uint8Array(png)]), name);
  const twice = await fetch(`${gateway.url}/v1/files`, { method: 'POST', headers: ACME, body: form });
  const { error } = await toldOf(twice);
  expect([twice.status, error.param, error.message]).toEqual([400, 'file', 'file must be there once.']);
  const name = 'лиса-狐🦊.png';
  const headers = { 'x-goog-upload-file-name': Buffer.from(name).toString('latin1') };
  const { file } = await toldOf(await raw(gateway, png, headers));
  const listed = await fetch(`${gateway.url}/v1/files/file-${file.name.slice('files/'.length)}`, { headers: ACME });
  expect(await listed.json()).toMatchObject({ filename: name });
});

describe('an upload in steps', () => {
  test('is begun with a key and goes on without one, in one piece or in several, over a restart', async () => {
    const directory = openDirectory();
    const before = await openGateway({ directory });
    const whole = Buffer.concat([png, Buffer.alloc((600 << 10) - png.length, 7)]);
    const one = await begin(
      before,
      { displayName: 'x', mimeType: 'image/png', sizeBytes: '70', name: 'files/my-own' },
      {},
    );
    expect([one.status, one.headers.get('x-goog-upload-status'), await one.text()]).toEqual([200, 'active', '']);
    const done = await piece(urlOf(one), 'upload, finalize', 0, png);
    expect([done.status, done.headers.get('x-goog-upload-status')]).toEqual([200, 'final']);
    expect((await toldOf(done)).file).toMatchObject({
      name: 'files/my-own',
      displayName: 'x',
      mimeType: 'image/png',
      sizeBytes: String(png.length),
      state: 'ACTIVE',
      uri: `${before.url}/v1beta/files/my-own`,
    });
    // Who missed the answer asks again, and has the same file.
    const again = await piece(urlOf(one), 'upload, finalize', 0, png);
    expect((await toldOf(again)).file.name).toBe('files/my-own');
    expect((await begin(before, { name: 'files/my-own' })).status).toBe(409);

    const several = await begin(
      before,
      { display_name: 'several' },
      { 'x-goog-upload-header-content-length': String(whole.length) },
    );
    const first = await piece(urlOf(several), 'upload', 0, whole.subarray(0, 256 << 10));
    expect([first.status, first.headers.get('x-goog-upload-status')]).toEqual([200, 'active']);
    await before.close();
    const after = await openGateway({ directory });
    const url = urlOf(several).replace(before.url, after.url);
    const query = await fetch(url, { method: 'POST', headers: { 'x-goog-upload-command': 'query' } });
    expect(query.headers.get('x-goog-upload-size-received')).toBe(String(256 << 10));
    expect((await piece(url, 'upload', 256 << 10, whole.subarray(256 << 10, 512 << 10))).status).toBe(200);
    const last = await piece(url, 'upload, finalize', 512 << 10, whole.subarray(512 << 10));
    expect(last.headers.get('x-goog-upload-status')).toBe('final');
    const { file } = await toldOf(last);
    const had = await fetch(`${after.url}/v1beta/${file.name}:download?alt=media`, { headers: GOOGLE });
    expect(Buffer.from(await had.arrayBuffer()).equals(whole)).toBe(true);
    // Nothing of its pieces is left.
    expect((await after.cache.stats()).map(({ model, entries }) => [model, entries])).toEqual([['files', 2]]);
  });

  test('hears what is wrong with it, and goes on from where it was', async () => {
    const gateway = await openGateway();
    const piece256 = Buffer.alloc(256 << 10, 1);
    const url = urlOf(await begin(gateway, {}, { 'x-goog-upload-header-content-length': String(512 << 10) }));
    const told = async (reply: Response): Promise<unknown[]> => [
      reply.status,
      (await toldOf(reply)).error.message.replace(/\d+/g, 'N'),
      reply.headers.get('x-goog-upload-size-received'),
    ];
    expect(await told(await piece(url, 'upload', 0, Buffer.alloc(1000)))).toEqual([
      400,
      'Every piece but the last must have a multiple of N bytes.',
      null,
    ]);
    expect((await piece(url, 'upload', 0, piece256)).status).toBe(200);
    // Sent twice, as by one who missed the answer, it is there once.
    expect((await piece(url, 'upload', 0, piece256)).status).toBe(200);
    for (const offset of [1, 512 << 10])
      expect(await told(await piece(url, 'upload, finalize', offset, Buffer.alloc(1)))).toEqual(
        offset === 1
          ? [400, 'The upload was begun as one of N bytes, and has N. Begin it again.', null]
          : [413, 'The body is too large: at most N bytes are read.', null],
      );
    expect(await told(await piece(url, 'finalize', 0, Buffer.alloc(0)))).toEqual([
      400,
      'The upload was begun as one of N bytes, and has N. Begin it again.',
      null,
    ]);
    const odd = await fetch(url, { method: 'POST', headers: { 'x-goog-upload-command': 'dance' } });
    expect((await toldOf(odd)).error.message).toMatch(/X-Goog-Upload-Command is missing: it must be upload/);
    const cancelled = await fetch(url, { method: 'POST', headers: { 'x-goog-upload-command': 'cancel' } });
    expect(cancelled.headers.get('x-goog-upload-status')).toBe('cancelled');
    const query = await fetch(url, { method: 'POST', headers: { 'x-goog-upload-command': 'query' } });
    expect(query.headers.get('x-goog-upload-size-received')).toBe('0');
  });

  test('is one file however often its end is told, at once or later, and never that of another upload', async () => {
    const gateway = await openGateway();
    const bytes = Buffer.alloc(2_000_000, 3);
    const url = urlOf(await begin(gateway, { name: 'files/mine' }));
    const theirs = urlOf(await begin(gateway, { name: 'files/mine' }));
    const ends = await Promise.all([1, 2, 3].map(async () => piece(url, 'upload, finalize', 0, bytes)));
    expect(ends.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await piece(theirs, 'upload, finalize', 0, Buffer.alloc(2_000_000, 4))).status).toBe(409);

    const steps = urlOf(await begin(gateway, {}));
    await piece(steps, 'upload', 0, bytes.subarray(0, 256 << 10));
    const twice = [
      await piece(steps, 'finalize', 256 << 10, Buffer.alloc(0)),
      await piece(steps, 'finalize', 256 << 10, Buffer.alloc(0)),
    ];
    const names = await Promise.all(twice.map(async (reply) => (await toldOf(reply)).file.name));
    expect(names[0]).toBe(names[1]);
    const query = await piece(steps, 'query', 0, Buffer.alloc(0));
    expect(['x-goog-upload-status', 'x-goog-upload-size-received'].map((name) => query.headers.get(name))).toEqual([
      'final',
      String(256 << 10),
    ]);
  });

  test('is never cut short: of one that nobody measured its end says how long it is', async () => {
    // A memory that has room for none of it.
    const cache = { store: 'disk', memoryBytes: 100_000, diskBytes: 1_000_000 };
    const gateway = await openGateway({ config: { cache } });
    const bytes = Buffer.alloc(256 << 10, 3);
    const url = urlOf(await begin(gateway, {}));
    expect((await piece(url, 'upload', 0, bytes)).status).toBe(200);
    const silent = await fetch(url, { method: 'POST', headers: { 'x-goog-upload-command': 'finalize' } });
    expect([silent.status, (await toldOf(silent)).error.message]).toEqual([
      400,
      'X-Goog-Upload-Offset is missing: it must be how many bytes the file has.',
    ]);
    const cut = await piece(url, 'finalize', 512 << 10, Buffer.alloc(0));
    expect([cut.status, cut.headers.get('x-goog-upload-size-received')]).toEqual([400, String(256 << 10)]);

    // What memory alone has kept was not received: it is gone in a moment, and on no other instance.
    const small = await openGateway({
      config: { cache: { store: 'disk', memoryBytes: 10_000_000, diskBytes: 200_000 } },
    });
    const there = urlOf(await begin(small, {}));
    expect((await piece(there, 'upload', 0, bytes)).status).toBe(503);
  });

  test('whose id was changed, has ended, or is none, is refused, and counted like a bad key', async () => {
    const clock = { now: Date.now() };
    const gateway = await openGateway({ now: () => clock.now });
    const url = urlOf(await begin(gateway, {}));
    const id = new URL(url).searchParams.get('upload_id')!;
    const [text = '', signature = ''] = id.split('.');
    const theirs = Buffer.from(
      Buffer.from(text, 'base64url').toString().replace('"tenant":"acme"', '"tenant":"globex"'),
    ).toString('base64url');
    for (const forged of [
      `${theirs}.${signature}`,
      `${text}.`,
      text,
      `${id}.x`,
      '',
      'x'.repeat(2000),
      `null.${signature}`,
    ])
      expect((await piece(url.replace(id, forged), 'upload, finalize', 0, png)).status).toBe(403);
    clock.now += HOUR_MS;
    expect((await piece(url, 'upload, finalize', 0, png)).status).toBe(403);
    expect((await toldOf(await fetch(`${gateway.url}/v1/files`, { headers: OTHER }))).data).toEqual([]);
    const secrets = [gateway.logged(), await (await fetch(`${gateway.operationsUrl}/metrics`)).text()].join('\n');
    for (const secret of [signature, text]) expect(secrets).not.toContain(secret);
    let status = 403;
    for (let tries = 0; tries < 70 && status === 403; tries += 1)
      ({ status } = await piece(url.replace(id, `a.${tries}`), 'query', 0, Buffer.alloc(0)));
    expect(status).toBe(429);
  });

  test('is of a type that may stand in a header, or is refused; a header that names none is passed over', async () => {
    const gateway = await openGateway();
    for (const mimeType of ['text/html\r\nx-evil: 1', 'текст', 'plain', `a/${'b'.repeat(200)}`, 'image/png,x'])
      expect((await begin(gateway, { mimeType })).status).toBe(400);
    for (const [claimed, type] of [
      ['text/html; charset=utf-8', 'text/html'],
      ['image/png,x', 'application/octet-stream'],
      ['x', 'application/octet-stream'],
    ] as const) {
      const url = urlOf(await begin(gateway, {}, { 'x-goog-upload-header-content-type': claimed }));
      const { file } = await toldOf(await piece(url, 'upload, finalize', 0, Buffer.from('hello')));
      const had = await fetch(`${gateway.url}/v1beta/${file.name}:download`, { headers: GOOGLE });
      expect([file.mimeType, had.headers.get('content-type'), await had.text()]).toEqual([type, type, 'hello']);
    }
  });

  test('is begun by those who have a key, and say how', async () => {
    const gateway = await openGateway();
    expect((await raw(gateway, png, { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await begin(gateway, {}, { 'x-goog-api-key': 'wrong' })).status).toBe(401);
    for (const headers of [{ 'x-goog-upload-command': 'query' }, { 'x-goog-upload-protocol': 'multipart' }])
      expect((await toldOf(await begin(gateway, {}, headers))).error.message).toMatch(/A file is sent with either/);
    for (const name of ['files/Upper', 'files/-x', `files/${'x'.repeat(41)}`, 'files/../x', 7])
      expect((await begin(gateway, { name })).status).toBe(400);
    expect((await begin(gateway, {}, { 'x-goog-upload-header-content-length': 'many' })).status).toBe(400);
    const metadata = await fetch(`${gateway.url}/v1beta/files`, {
      method: 'POST',
      headers: { ...GOOGLE, 'content-type': 'application/json' },
      body: '{"file":{}}',
    });
    expect((await toldOf(metadata)).error.message).toMatch(/\/upload\/v1beta\/files/);
    expect((await fetch(`${gateway.url}/upload/v1beta/files`, { headers: GOOGLE })).headers.get('allow')).toBe(
      'POST, PUT',
    );
  });
});

describe('paths that vendors share', () => {
  test.each([
    ['OpenAI', ACME, (body: Told) => typeof (body.error as { type?: unknown }).type],
    ['Google', GOOGLE, (body: Told) => typeof (body.error as { status?: unknown }).status],
    ['Claude', CLAUDE, (body: Told) => (body as { type?: unknown }).type === 'error' && 'string'],
  ] as const)(
    'speak %s’s dialect to its callers, of files and of batches that are not served',
    async (_vendor, headers, mark) => {
      const gateway = await openGateway();
      for (const path of ['/v1/files/file-none', '/v1/batches', '/v1/batches/b1']) {
        const reply = await fetch(gateway.url + path, { headers });
        expect([403, 404]).toContain(reply.status);
        expect([path, mark(await toldOf(reply))]).toEqual([path, 'string']);
      }
    },
  );
});
