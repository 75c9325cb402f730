import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { FLASH, partsOf, post, PRO, prompt } from './client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: ['right'] });
});
afterAll(() => simulator.close());

const RIGHT = { headers: { 'x-goog-api-key': 'right' } };

async function control(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(simulator.url + path, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

describe('a key', () => {
  it.each([
    [{ headers: { 'x-goog-api-key': 'right' } }, 200, undefined],
    [{ headers: {}, query: '?key=right' }, 200, undefined],
    [{ headers: { authorization: 'Bearer right' } }, 200, undefined],
    [{ headers: {} }, 403, 'PERMISSION_DENIED'],
    [{ headers: { 'x-goog-api-key': '' } }, 403, 'PERMISSION_DENIED'],
    [{ headers: { 'x-goog-api-key': 'wrong' } }, 400, 'INVALID_ARGUMENT'],
    [{ headers: {}, query: '?key=wrong' }, 400, 'INVALID_ARGUMENT'],
    [{ headers: { authorization: 'Bearer wrong' } }, 401, 'UNAUTHENTICATED'],
  ])('%j is answered with %i', async (options, status, word) => {
    const { json, ...answer } = await post(simulator, prompt('a', { seed: 1 }), options);
    expect(answer.status).toBe(status);
    expect(json.error?.status).toBe(word);
  });

  it('that is wrong is API_KEY_INVALID in the details', async () => {
    const { json } = await post(simulator, prompt('a'), { headers: { 'x-goog-api-key': 'wrong' } });
    expect(json.error?.message).toBe('API key not valid. Please pass a valid API key.');
    expect(json.error?.details?.[0]).toMatchObject({ reason: 'API_KEY_INVALID', domain: 'googleapis.com' });
  });
});

describe('a model', () => {
  it.each([FLASH, `${FLASH}-preview`, PRO, `${PRO}-preview`, 'gemini-2.5-flash-image', 'gemini-3.1-flash-lite-image'])(
    '%s is served and answers under the name it was asked by',
    async (model) => {
      const { status, json } = await post(simulator, prompt('a', { seed: 1 }), { ...RIGHT, model });
      expect(status).toBe(200);
      expect(json.modelVersion).toBe(model);
    },
  );

  it('that is unknown is the vendor’s 404', async () => {
    const { status, json } = await post(simulator, prompt('a'), { ...RIGHT, model: 'gemini-9' });
    expect(status).toBe(404);
    expect(json.error).toMatchObject({
      status: 'NOT_FOUND',
      message: expect.stringMatching(
        /^models\/gemini-9 is not found for API version v1beta, or is not supported for generateContent\./,
      ),
    });
  });

  it('is listed, page by page', async () => {
    const page = await control('GET', '/v1/models?key=right&pageSize=4');
    expect(page.json['models']).toHaveLength(4);
    const rest = await control('GET', `/v1/models?key=right&pageToken=${String(page.json['nextPageToken'])}`);
    expect(rest.json).not.toHaveProperty('nextPageToken');
    expect((await control('GET', `/v1alpha/models/${PRO}?key=right`)).json).toMatchObject({
      name: `models/${PRO}`,
      topK: 64,
    });
    expect((await control('GET', '/v1/models/x?key=right')).status).toBe(404);
  });

  it('counts the tokens of a request, in both forms', async () => {
    const contents = [{ parts: [{ text: 'Generate an illustrated two-sentence story about an axolotl.' }] }];
    const options = { ...RIGHT, verb: 'countTokens' };
    const bare = await post(simulator, { contents }, options);
    expect(bare.json).toEqual({ totalTokens: 14, promptTokensDetails: [{ modality: 'TEXT', tokenCount: 14 }] });
    const whole = { model: `models/${FLASH}`, contents, systemInstruction: { parts: [{ text: 'draw!' }] } };
    expect((await post(simulator, { generateContentRequest: whole }, options)).json).toMatchObject({ totalTokens: 16 });
    expect((await post(simulator, { contents, generateContentRequest: whole }, options)).status).toBe(400);
  });

  it.each(['v1', 'v1beta', 'v1alpha'])('is served under %s, the colon escaped or not', async (version) => {
    for (const colon of [':', '%3A']) {
      const response = await fetch(`${simulator.url}/${version}/models/${FLASH}${colon}generateContent?key=right`, {
        method: 'POST',
        body: JSON.stringify(prompt('a', { seed: 1 })),
      });
      expect(response.status).toBe(200);
    }
  });

  it.each([
    ['POST', '/v1beta/models'],
    ['GET', `/v1beta/models/${FLASH}:generateContent`],
    ['POST', `/v1beta/models/${FLASH}:predict`],
    ['GET', '/nothing'],
  ])('is not found by %s %s', async (method, path) => {
    const response = await fetch(`${simulator.url}${path}?key=right`, { method });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('was not found on this server');
  });
});

describe('the desk', () => {
  it('lists the calls, without a prompt or a key', async () => {
    await post(simulator, prompt('a secret fox', { seed: 11 }), { headers: {}, query: '?key=right' });
    const call = simulator.calls.at(-1);
    expect(call).toMatchObject({
      model: FLASH,
      path: `/v1beta/models/${FLASH}:generateContent`,
      seed: 11,
      promptDigest: createHash('sha256').update('a secret fox').digest('hex'),
      answered: {
        status: 200,
        fault: null,
        reason: 'STOP',
        pictures: [{ width: 1024, height: 1024, mimeType: 'image/jpeg' }],
      },
    });
    const { json } = await control('GET', '/simulator/calls');
    expect(json['count']).toBe(simulator.calls.at(-1)?.number);
    expect(JSON.stringify(json)).not.toMatch(/secret|right/);
  });

  it('shows the bill', async () => {
    const { json } = await control('GET', '/simulator/bill');
    expect(json).toMatchObject({
      totalNanoUsd: simulator.bill.totalNanoUsd,
      totalPictures: simulator.bill.totalPictures,
    });
    expect(json['entries']).toHaveLength(simulator.bill.entries.length);
  });

  it('takes rules and forgets them', async () => {
    expect((await control('POST', '/simulator/rules', { fault: 'overloaded', times: 3 })).status).toBe(201);
    expect((await post(simulator, prompt('a', { seed: 1 }), RIGHT)).status).toBe(503);
    expect((await control('GET', '/simulator/rules')).json).toEqual({ rules: [{ fault: 'overloaded', times: 2 }] });
    await control('DELETE', '/simulator/rules');
    expect((await post(simulator, prompt('a', { seed: 1 }), RIGHT)).status).toBe(200);
  });

  it.each([
    [{ fault: 'nonsense' }, /knows no fault "nonsense"/],
    [{ fault: 'slow', times: 0 }, /"times" is a whole number/],
    [{ fault: 'slow', delayMs: 'x' }, /"delayMs" is a whole number/],
    [{ fault: 'slow', model: 'x' }, /"model" is the name/],
    [{ fault: 'slow', promptContains: 1 }, /"promptContains" is a string/],
    [{ fault: 'slow', often: true }, /a rule has no "often"/],
    ['{', /JSON/],
    ['null', /a rule is an object/],
  ])('refuses the rule %j', async (rule, message) => {
    const { status, json } = await control('POST', '/simulator/rules', rule);
    expect(status).toBe(400);
    expect(json).toMatchObject({ error: { message: expect.stringMatching(message) } });
  });

  it('takes settings, and refuses what is none', async () => {
    expect((await control('PUT', '/simulator/settings', { latencyMs: 40 })).json).toMatchObject({ latencyMs: 40 });
    const started = Date.now();
    await post(simulator, prompt('a', { seed: 1 }), RIGHT);
    expect(Date.now() - started).toBeGreaterThanOrEqual(35);
    await control('PUT', '/simulator/settings', { latencyMs: 0, format: 'png' });
    const { json } = await post(simulator, prompt('a', { seed: 1 }), RIGHT);
    expect(partsOf(json)[1]?.inlineData?.mimeType).toBe('image/png');
    for (const settings of [{ latencyMs: -1 }, { format: 'gif' }, { colour: 'red' }, { signatureBytes: 1e12 }]) {
      expect((await control('PUT', '/simulator/settings', settings)).status).toBe(400);
    }
  });

  it('lists the faults', async () => {
    expect((await control('GET', '/simulator/faults')).json).toMatchObject({
      overloaded: '503, the model is overloaded',
    });
  });
});

describe('the server', () => {
  it('listens on loopback only', async () => {
    await expect(startSimulator({ host: '0.0.0.0' })).rejects.toThrow('loopback only');
  });

  it('says when its port is taken', async () => {
    const port = Number(new URL(simulator.url).port);
    await expect(startSimulator({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('refuses what is larger than the vendor takes', async () => {
    const response = await fetch(`${simulator.url}/v1/models/${FLASH}:generateContent?key=right`, {
      method: 'POST',
      body: Buffer.alloc(100_000_001, ' '),
    });
    expect(response.status).toBe(413);
  });

  it('answers two hundred calls at once, each with its own picture', async () => {
    simulator.settings.format = 'jpeg';
    const before = simulator.bill.totalPictures;
    const answers = await Promise.all(Array.from({ length: 200 }, () => post(simulator, prompt('many'), RIGHT)));
    expect(new Set(answers.map(({ json }) => partsOf(json)[1]?.inlineData?.data)).size).toBe(200);
    expect(simulator.bill.totalPictures).toBe(before + 200);
  });

  it('answers nobody while it pauses, and everybody after that', async () => {
    const other = await startSimulator();
    const resume = other.pause();
    const calls = [post(other, prompt('a')), post(other, prompt('b'))];
    await expect.poll(() => other.calls.length).toBe(2);
    expect(other.calls.map(({ answered }) => answered)).toEqual([null, null]);
    expect(other.bill.totalPictures).toBe(0);
    resume();
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    other.pause();
    const last = expect(post(other, prompt('c'))).rejects.toThrow();
    await expect.poll(() => other.calls.length).toBe(3);
    await other.close();
    await last;
  });

  it('closes at once, whatever is in the air', async () => {
    const other = await startSimulator({ latencyMs: 60_000 });
    const calls = [
      post(other, prompt('a')),
      post(other, prompt('simulate:slow-headers')),
      post(other, prompt('a', { seed: 1 })),
    ];
    const ends = calls.map((call) => expect(call).rejects.toThrow());
    while (other.calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    await other.close();
    await Promise.all(ends);
    expect(other.bill.totalPictures).toBe(0);
  });
});
