import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { drawing } from '../image/samples.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

const GOOGLE = { 'x-goog-api-key': KEY };
const PIECE = 256 << 10;

withRedis('files of gateways that share a Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
  });
  afterAll(() => server.close());

  async function start(): Promise<TestGateway> {
    const gateway = await startGateway({ config: { cache: { store: server.url } } });
    onTestFinished(gateway.close);
    return gateway;
  }

  const begin = async (gateway: TestGateway): Promise<string> => {
    const reply = await fetch(`${gateway.url}/upload/v1beta/files`, {
      method: 'POST',
      headers: { ...GOOGLE, 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start' },
    });
    return reply.headers.get('x-goog-upload-url')!;
  };
  const piece = async (url: string, command: string, offset: number, bytes: Uint8Array): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { 'x-goog-upload-command': command, 'x-goog-upload-offset': String(offset) },
      body: new Uint8Array(bytes),
    });

  test('an upload is begun at one, goes on at another, ends at a third, and its file is had and deleted at each', async () => {
    const [one, two, three] = [await start(), await start(), await start()];
    const png = await drawing(3).png().toBuffer();
    const whole = Buffer.concat([png, Buffer.alloc(2 * PIECE - png.length + 5, 1)]);
    const url = await begin(one);
    const at = (gateway: TestGateway): string => url.replace(one.url, gateway.url);
    expect((await piece(at(two), 'upload', 0, whole.subarray(0, PIECE))).status).toBe(200);
    expect((await piece(at(one), 'upload', PIECE, whole.subarray(PIECE, 2 * PIECE))).status).toBe(200);
    const last = await piece(at(three), 'upload, finalize', 2 * PIECE, whole.subarray(2 * PIECE));
    const { file } = (await last.json()) as { file: { name: string; uri: string } };
    const get = async (gateway: TestGateway, path: string): Promise<Response> =>
      fetch(`${gateway.url}/v1beta/${path}`, { headers: GOOGLE });
    for (const gateway of [one, two, three]) {
      const bytes = Buffer.from(await (await get(gateway, `${file.name}:download?alt=media`)).arrayBuffer());
      expect(bytes.equals(whole)).toBe(true);
      const { files } = (await (await get(gateway, 'files')).json()) as { files: { name: string }[] };
      expect(files.map(({ name }) => name)).toEqual([file.name]);
    }
    // Its address names the instance that had its end, and is good at every other.
    const drawn = await two.post('/v1beta/models/gemini-3.1-flash-image:generateContent', {
      contents: [{ parts: [{ text: 'a hat' }, { fileData: { fileUri: file.uri, mimeType: 'image/png' } }] }],
    });
    expect(drawn.status).toBe(200);
    await fetch(`${two.url}/v1beta/${file.name}`, { method: 'DELETE', headers: GOOGLE });
    for (const gateway of [one, two, three])
      await expect.poll(async () => (await get(gateway, file.name)).status).toBe(403);
  });

  test('of a Redis that is away nothing is known: a 503 that says so, and none is lost', async () => {
    const gateway = await start();
    const send = async (): Promise<Response> => {
      const form = new FormData();
      form.append('purpose', 'vision');
      form.append('file', new Blob(['x'.repeat(1000)]), 'a.txt');
      return fetch(`${gateway.url}/v1/files`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}` },
        body: form,
      });
    };
    const { id } = (await (await send()).json()) as { id: string };
    const other = await start();
    const get = async (path: string): Promise<Response> =>
      fetch(other.url + path, { headers: { authorization: `Bearer ${KEY}` } });
    server.freeze();
    try {
      for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`, '/v1/files']) {
        const reply = await get(path);
        expect([path, reply.status, reply.headers.get('retry-after')]).toEqual([path, 503, '5']);
      }
      expect((await send()).status).toBe(503);
    } finally {
      server.thaw();
    }
    await expect.poll(async () => (await get(`/v1/files/${id}/content`)).status, { timeout: 30_000 }).toBe(200);
  }, 120_000);
});
