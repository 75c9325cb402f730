import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { bodyOf } from '../support/wire.ts';
import type { GoogleError, ImagesReply, OpenAIError } from '../support/wire.ts';

let gateway: TestGateway;
let before = 0;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
beforeEach(() => {
  before = gateway.simulator.calls.length;
});
const calls = (): number => gateway.simulator.calls.length - before;
const ask = (key: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  gateway.post('/v1/images/generations', body, { 'idempotency-key': key, ...headers });
const pictureOf = async (reply: Response): Promise<string | undefined> =>
  (await bodyOf<ImagesReply>(reply)).data[0]?.b64_json;

describe('Idempotency-Key', () => {
  test('the same request under the same key is drawn once, seed or not, and is free the second time', async () => {
    const first = await ask('k1', { prompt: 'once' });
    const again = await ask('"k1"', { prompt: 'once' });
    expect(again.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(await pictureOf(again)).toBe(await pictureOf(first));
    expect(calls()).toBe(1);
    const other = await ask('k2', { prompt: 'once' });
    expect(await pictureOf(other)).toBeDefined();
    expect(calls()).toBe(2);
  });

  test('concurrent requests under one key join', async () => {
    const replies = await Promise.all(Array.from({ length: 5 }, () => ask('k3', { prompt: 'together', n: 2 })));
    const bodies = await Promise.all(replies.map((reply) => reply.text()));
    expect(new Set(bodies.map((body) => JSON.stringify(JSON.parse(body).data))).size).toBe(1);
    expect(calls()).toBe(2);
  });

  test('another request under the same key is a 422 in either dialect, and another tenant has keys of its own', async () => {
    await ask('k4', { prompt: 'mine' });
    const mismatch = await ask('k4', { prompt: 'another' });
    expect(mismatch.status).toBe(422);
    expect((await bodyOf<OpenAIError>(mismatch)).error.code).toBe('idempotency_mismatch');
    const native = await gateway.post(
      '/v1beta/models/gemini-3.1-flash-image:generateContent',
      { contents: [{ parts: [{ text: 'another' }] }] },
      { 'idempotency-key': 'k4' },
    );
    expect(native.status).toBe(422);
    expect((await bodyOf<GoogleError>(native)).error.code).toBe(422);
    expect((await ask('k4', { prompt: 'another' }, { authorization: `Bearer ${OTHER_KEY}` })).status).toBe(200);
    expect(calls()).toBe(2);
  });

  test('a failure is not kept: the same key draws again', async () => {
    gateway.simulator.rule({ fault: 'overloaded', times: 1 });
    expect((await ask('k5', { prompt: 'at last' })).status).toBe(503);
    expect((await ask('k5', { prompt: 'at last' })).status).toBe(200);
  });

  test('no-store wins: nothing is kept under the key', async () => {
    for (let round = 0; round < 2; round += 1) await ask('k6', { prompt: 'unkept' }, { 'cache-control': 'no-store' });
    expect(calls()).toBe(2);
  });
});
