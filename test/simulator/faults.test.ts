import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import { FAULTS, isFault } from '../../src/simulator/faults.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { FLASH, partsOf, pictureBytes, pictureOf, post, PRO, prompt, rawPost } from './client.ts';
import type { Answer } from './client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterEach(() => simulator.clearRules());
afterAll(() => simulator.close());

const BODY = prompt('a fox', { seed: 7 });
const named = (fault: Fault | `${Fault}=${number}`): { headers: Record<string, string> } => ({
  headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': fault },
});
const show = (fault: Fault): Promise<Answer> => post(simulator, BODY, named(fault));

describe('a fault that is an answer', () => {
  it.each([
    ['rate-limit', 429, 'RESOURCE_EXHAUSTED'],
    ['daily-quota', 429, 'RESOURCE_EXHAUSTED'],
    ['limit-zero', 429, 'RESOURCE_EXHAUSTED'],
    ['capacity-429', 429, 'RESOURCE_EXHAUSTED'],
    ['overloaded', 503, 'UNAVAILABLE'],
    ['internal', 500, 'INTERNAL'],
    ['deadline', 504, 'DEADLINE_EXCEEDED'],
    ['cancelled', 499, 'CANCELLED'],
    ['unauthorized', 401, 'UNAUTHENTICATED'],
    ['key-invalid', 400, 'INVALID_ARGUMENT'],
    ['forbidden', 403, 'PERMISSION_DENIED'],
    ['service-disabled', 403, 'PERMISSION_DENIED'],
    ['model-gone', 404, 'NOT_FOUND'],
    ['location', 400, 'FAILED_PRECONDITION'],
  ] as const)('%s is the %i of the vendor', async (fault, status, word) => {
    const before = simulator.bill.entries.length;
    const answer = await show(fault);
    expect(answer.status).toBe(status);
    expect(answer.json.error).toMatchObject({ code: status, status: word });
    expect(answer.headers.get('content-type')).toBe('application/json; charset=UTF-8');
    expect(simulator.bill.entries).toHaveLength(before);
    expect(simulator.calls.at(-1)?.answered).toMatchObject({ status, fault });
  });

  it('tells how long to wait, of which quota, in details', async () => {
    const details = JSON.stringify((await show('rate-limit')).json.error?.details);
    expect(details).toContain('"retryDelay":"12s"');
    expect(details).toContain('PerMinute');
    expect(JSON.stringify((await show('daily-quota')).json.error?.details)).toContain('PerDay');
    expect(JSON.stringify((await show('limit-zero')).json.error)).toMatch(/limit: 0,.*"quotaValue":"0"/);
    expect(JSON.stringify((await show('capacity-429')).json.error?.details)).toContain('MODEL_CAPACITY_EXHAUSTED');
  });

  it.each([
    ['bad-gateway-html', 502, /^<!DOCTYPE html>/, 'text/html; charset=UTF-8'],
    ['too-large', 413, /^<!DOCTYPE html>/, 'text/html; charset=UTF-8'],
    ['html-200', 200, /^<!DOCTYPE html>/, 'text/html; charset=UTF-8'],
    ['empty-200', 200, /^$/, 'application/json; charset=UTF-8'],
    ['empty-204', 204, /^$/, null],
    ['empty-error', 500, /^$/, null],
    ['redirect', 302, /^$/, null],
    ['error-200', 200, /"code": 500/, 'application/json; charset=UTF-8'],
    ['error-array', 503, /^\[\s+\{\s+"error"/, 'application/json; charset=UTF-8'],
    ['reseller-error', 503, /"type": "new_api_error"/, 'application/json; charset=UTF-8'],
  ] as const)('%s is %i with what does not belong there', async (fault, status, body, type) => {
    const answer = await show(fault);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(body);
    expect(answer.headers.get('content-type')).toBe(type);
  });

  it('redirect shows in the calls who followed it', async () => {
    const { headers } = await show('redirect');
    await fetch(new URL(headers.get('location') ?? '', simulator.url), { method: 'POST' });
    expect(simulator.calls.at(-1)).toMatchObject({ path: '/simulator/redirected', method: 'POST' });
  });

  it('gzip-bomb is small and unpacks to 64 MB', async () => {
    const { byteLength, text } = await rawPost(simulator, BODY, {
      headers: { 'x-simulator-fault': 'gzip-bomb', connection: 'close' },
    });
    expect(byteLength).toBeLessThan(100_000);
    expect(text).toContain('content-encoding: gzip');
  });
});

describe('a fault of the model', () => {
  it.each([
    ['no-image', 'NO_IMAGE'],
    ['max-tokens', 'MAX_TOKENS'],
    ['empty-content', 'STOP'],
    ['image-safety', 'IMAGE_SAFETY'],
    ['image-prohibited', 'IMAGE_PROHIBITED_CONTENT'],
    ['image-recitation', 'IMAGE_RECITATION'],
    ['image-other', 'IMAGE_OTHER'],
    ['safety', 'SAFETY'],
    ['prohibited-content', 'PROHIBITED_CONTENT'],
    ['recitation', 'RECITATION'],
    ['blocklist', 'BLOCKLIST'],
    ['spii', 'SPII'],
    ['language', 'LANGUAGE'],
    ['other', 'OTHER'],
    ['malformed-response', 'MALFORMED_RESPONSE'],
    ['unknown-reason', 'A_REASON_OF_NEXT_YEAR'],
  ] as const)('%s is a 200 with finishReason %s and no content', async (fault, finishReason) => {
    const { status, json } = await show(fault);
    expect(status).toBe(200);
    expect(json.candidates).toEqual([expect.objectContaining({ content: {}, finishReason })]);
    const says = json.candidates?.[0]?.finishMessage;
    if (fault.startsWith('image-')) expect(says).toContain('You will not be charged for this request.');
  });

  it.each([
    ['blocked-safety', 'SAFETY'],
    ['blocked-prohibited', 'PROHIBITED_CONTENT'],
    ['blocked-blocklist', 'BLOCKLIST'],
    ['blocked-image-safety', 'IMAGE_SAFETY'],
    ['blocked-model-armor', 'MODEL_ARMOR'],
    ['blocked-jailbreak', 'JAILBREAK'],
    ['blocked-other', 'OTHER'],
  ] as const)('%s is a 200 with blockReason %s and no candidates', async (fault, blockReason) => {
    const { status, json } = await show(fault);
    expect(status).toBe(200);
    expect(json.promptFeedback).toEqual({ blockReason });
    expect(json).not.toHaveProperty('candidates');
  });

  it('no-image-text is words with STOP', async () => {
    const { json } = await show('no-image-text');
    expect(json.candidates?.[0]?.finishReason).toBe('STOP');
    expect(partsOf(json)).toEqual([{ text: expect.any(String) }]);
  });

  it('drafts-only has pictures, all of them thoughts', async () => {
    const parts = partsOf((await show('drafts-only')).json);
    expect(parts.map(({ thought, inlineData }) => thought && !!inlineData)).toEqual([true]);
  });

  it('high-usage is told and billed', async () => {
    expect((await show('high-usage')).json.usageMetadata?.thoughtsTokenCount).toBe(60_000);
    expect(simulator.bill.entries.at(-1)?.tokens.thinking).toBe(60_000);
  });
});

describe('a fault of the picture', () => {
  const check = async (fault: Fault): Promise<unknown> => pictureOf((await show(fault)).json);

  it.each(['broken-picture', 'truncated-picture', 'not-a-picture', 'empty-picture', 'picture-bomb'] as const)(
    '%s does not pass a check',
    async (fault) => {
      await expect(check(fault)).rejects.toThrow();
    },
  );

  it('picture-bomb is a sound PNG but for its size', async () => {
    const bytes = pictureBytes((await show('picture-bomb')).json);
    expect(bytes.length).toBeLessThan(100_000);
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([20_000, 20_000]);
  });

  it('wrong-mime is a JPEG that says it is a PNG', async () => {
    const { json } = await show('wrong-mime');
    expect(partsOf(json)[1]?.inlineData?.mimeType).toBe('image/png');
    expect(await pictureOf(json)).toMatchObject({ type: 'jpeg' });
  });

  it('polyglot has HTML behind its end', async () => {
    const bytes = pictureBytes((await show('polyglot')).json);
    expect(bytes.subarray(-9).toString()).toBe('</script>');
    await expect(checkPicture(bytes)).resolves.toMatchObject({ width: 1024 });
  });

  it('bad-base64 has characters that are none', async () => {
    expect(partsOf((await show('bad-base64')).json)[1]?.inlineData?.data).toMatch(/!!%%$/);
  });

  it('tiny-dimensions and wrong-ratio are not what was asked for', async () => {
    const body = prompt('a fox', { seed: 1, imageConfig: { imageSize: '2K', aspectRatio: '16:9' } });
    const pictures = await Promise.all(
      (['tiny-dimensions', 'wrong-ratio'] as const).map((fault) => post(simulator, body, named(fault))),
    );
    expect(await pictureOf(pictures[0]!.json)).toMatchObject({ width: 1376, height: 768 });
    expect(await pictureOf(pictures[1]!.json)).toMatchObject({ width: 2048, height: 2048 });
  });

  it('two-pictures are a 1K and the one asked for, each signed, both billed', async () => {
    const body = prompt('a fox', { seed: 1, imageConfig: { imageSize: '2K' }, responseModalities: ['IMAGE'] });
    const { json } = await post(simulator, body, named('two-pictures'));
    const parts = partsOf(json);
    const sizes = parts.map(({ inlineData }) => checkPicture(Buffer.from(inlineData?.data ?? '', 'base64')));
    expect((await Promise.all(sizes)).map(({ width }) => width)).toEqual([1024, 2048]);
    expect(new Set(parts.map(({ thoughtSignature }) => thoughtSignature)).size).toBe(2);
    expect(simulator.bill.entries.at(-1)).toMatchObject({ pictures: 2, tokens: { image: 1120 + 1680 } });
  });

  it('no-signature leaves out the signatures', async () => {
    expect(partsOf((await show('no-signature')).json).every((part) => part.thoughtSignature === undefined)).toBe(true);
  });
});

describe('a fault of the JSON', () => {
  async function textOf(fault: Fault): Promise<string> {
    const { text } = await rawPost(simulator, BODY, { headers: { 'x-simulator-fault': fault, connection: 'close' } });
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/\r\n0\r\n\r\n$/);
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    return body.replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, '').replace(/\r\n$/, '');
  }

  it.each(['bad-json', 'trailing-garbage', 'nan'] as const)(
    '%s is a whole answer that does not parse',
    async (fault) => {
      const text = await textOf(fault);
      expect(() => JSON.parse(text)).toThrow(SyntaxError);
    },
  );

  it('huge-number parses to infinity', async () => {
    expect(JSON.parse(await textOf('huge-number'))).toMatchObject({ usageMetadata: { totalTokenCount: Infinity } });
  });

  it('duplicate-keys has a picture first and no candidate last', async () => {
    const text = await textOf('duplicate-keys');
    expect(text.match(/"candidates":/g)).toHaveLength(2);
    expect(JSON.parse(text)).toMatchObject({ candidates: [] });
  });

  it('deep is deep', async () => {
    expect(await textOf('deep')).toContain('['.repeat(100_000));
  });

  it('lone-surrogate is an escape without its other half', async () => {
    expect(await textOf('lone-surrogate')).toContain(String.raw`half a pair: \ud83d"`);
  });

  it('invalid-utf8 has a byte that cannot be', async () => {
    expect(await textOf('invalid-utf8')).toContain('"responseId": "\xff');
  });

  it.each([
    ['wrong-shape', { candidates: 'none' }],
    ['empty-object', {}],
    ['null-parts', { candidates: [{ content: { parts: null } }] }],
    ['empty-parts', { candidates: [{ content: { parts: [] } }] }],
    ['absurd-usage', { usageMetadata: { candidatesTokenCount: -5 } }],
  ] as const)('%s parses to another shape', async (fault, shape) => {
    expect((await show(fault)).json).toMatchObject(shape);
  });

  it.each([
    ['no-candidates', 'candidates'],
    ['missing-usage', 'usageMetadata'],
  ] as const)('%s lacks %s', async (fault, field) => {
    expect((await show(fault)).json).not.toHaveProperty(field);
  });

  it('missing-content is a candidate without one', async () => {
    expect((await show('missing-content')).json.candidates).toEqual([{ finishReason: 'STOP', index: 0 }]);
  });

  it('spoils the last event of a stream', async () => {
    const { text } = await post(simulator, BODY, {
      ...named('bad-json'),
      verb: 'streamGenerateContent',
      query: '?alt=sse',
    });
    const events = text.split('\r\n\r\n').filter(Boolean);
    expect(() => JSON.parse(events[0]!.slice(6))).not.toThrow();
    expect(() => JSON.parse(events.at(-1)!.slice(6))).toThrow(SyntaxError);
  });
});

describe('a fault of the connection', () => {
  const raw = (fault: string, leaveAfterMs?: number): ReturnType<typeof rawPost> =>
    rawPost(simulator, BODY, { headers: { 'x-simulator-fault': fault }, ...(leaveAfterMs ? { leaveAfterMs } : {}) });
  const lengthOf = (text: string): number => Number(/content-length: (\d+)/i.exec(text)?.[1]);
  const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

  it('slow comes late, by ten seconds or as told', async () => {
    expect(FAULTS.slow.delayMs).toBe(10_000);
    const started = Date.now();
    const { status } = await post(simulator, BODY, named('slow=150'));
    expect(status).toBe(200);
    expect(Date.now() - started).toBeGreaterThanOrEqual(145);
  });

  it('slow-headers says nothing and then hangs up', async () => {
    expect(await raw('slow-headers=50')).toMatchObject({ byteLength: 0, ending: expect.stringMatching(/end|reset/) });
  });

  it('slow-headers ends when the client leaves', async () => {
    expect(await raw('slow-headers', 50)).toMatchObject({ byteLength: 0, ending: 'left' });
  });

  it('stall-body sends half and then nothing', async () => {
    const { text, byteLength } = await raw('stall-body=100');
    expect(byteLength).toBeGreaterThan(10_000);
    expect(text).not.toContain('usageMetadata');
  });

  it('truncate-length ends before its Content-Length', async () => {
    const { text, ending } = await raw('truncate-length');
    expect(ending).toBe('end');
    expect(bodyOf(text).length).toBe(Math.floor(lengthOf(text) / 2));
  });

  it('truncate-chunked ends without its last chunk', async () => {
    const { text, ending } = await raw('truncate-chunked');
    expect(ending).toBe('end');
    expect(text).toContain('transfer-encoding: chunked');
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
  });

  it('truncate-close looks like an end', async () => {
    const { text, ending } = await raw('truncate-close');
    expect(ending).toBe('end');
    expect(text).not.toMatch(/content-length|transfer-encoding/i);
    expect(() => JSON.parse(bodyOf(text))).toThrow(SyntaxError);
  });

  it('reset is a reset after some bytes', async () => {
    const { byteLength, ending } = await raw('reset');
    expect(ending).toBe('reset');
    expect(byteLength).toBeGreaterThan(0);
  });

  it('hangup is an end before a byte', async () => {
    expect(await raw('hangup')).toMatchObject({ byteLength: 0, ending: 'end' });
  });

  it('huge goes on for as long as it is read', async () => {
    const { byteLength, ending } = await raw('huge', 250);
    expect(ending).toBe('left');
    expect(byteLength).toBeGreaterThan(1_000_000);
  });

  it('wrong-content-type is a good reply under a wrong name', async () => {
    const { headers, json } = await show('wrong-content-type');
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(partsOf(json)).toHaveLength(2);
  });

  it('big-headers, double-length, short-length, bare-cr and garbage are what no parser should let through', async () => {
    expect((await raw('big-headers')).text.indexOf('\r\n\r\n')).toBeGreaterThan(131_072);
    expect((await raw('double-length')).text.match(/content-length/g)).toHaveLength(2);
    const short = await raw('short-length');
    expect(bodyOf(short.text).length).toBe(lengthOf(short.text) + 100);
    expect((await raw('bare-cr')).text).toContain('x-bare: a\rb: c\r\n');
    expect((await raw('garbage')).text).not.toMatch(/^HTTP/);
  });

  it('extra-response is a second answer to one request', async () => {
    const { text } = await raw('extra-response', 500);
    expect(text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(text).toMatch(/\{"candidates":\[\],"poisoned":true\}$/);
  });

  it.each([
    ['gzip', 1],
    ['stacked-encodings', 10],
  ] as const)('%s is compressed %i times', async (fault, times) => {
    const { text } = await rawPost(simulator, BODY, { headers: { 'x-simulator-fault': fault, connection: 'close' } });
    const head = text.slice(0, text.indexOf('\r\n\r\n'));
    expect(head.match(/gzip/g)).toHaveLength(times);
    let bytes = unchunk(Buffer.from(bodyOf(text), 'latin1'));
    for (let time = 0; time < times; time++) bytes = gunzipSync(bytes);
    expect(JSON.parse(bytes.toString())).toHaveProperty('candidates');
  });

  it.each(['truncate-length', 'reset', 'stall-body=1', 'slow-headers=1', 'hangup'] as const)(
    '%s is billed: the picture was drawn',
    async (fault) => {
      const before = simulator.bill.totalPictures;
      await raw(fault);
      expect(simulator.bill.totalPictures).toBe(before + 1);
    },
  );
});

describe('a rule', () => {
  it('holds for so many calls, of its model, with its words', async () => {
    simulator.rule({ fault: 'overloaded', times: 2, model: `${PRO}-preview`, promptContains: 'fox' });
    const statuses = [];
    for (const [text, model] of [
      ['a fox', FLASH],
      ['a hare', PRO],
      ['a fox', PRO],
      ['a fox', PRO],
      ['a fox', PRO],
    ] as const) {
      statuses.push((await post(simulator, prompt(text, { seed: 1 }), { model })).status);
    }
    expect(statuses).toEqual([200, 200, 503, 503, 200]);
  });

  it('is the first that matches, and the next once it is used up', async () => {
    simulator.rule({ fault: 'overloaded', times: 1 });
    simulator.rule({ fault: 'internal' });
    const statuses = [];
    for (let call = 0; call < 3; call++) statuses.push((await post(simulator, BODY)).status);
    expect(statuses).toEqual([503, 500, 500]);
  });

  it('yields to a fault named in the prompt, and that to one in the header', async () => {
    simulator.rule({ fault: 'overloaded' });
    const body = prompt('a fox simulate:internal in snow', { seed: 7 });
    expect((await post(simulator, body)).status).toBe(500);
    expect((await post(simulator, body, named('forbidden'))).status).toBe(403);
  });

  it('that names no fault is told which there are', async () => {
    const { status, json } = await post(simulator, prompt('a fox simulate:nonsense'));
    expect(status).toBe(400);
    expect(json.error?.message).toMatch(/knows no fault "nonsense"\. It knows: rate-limit, /);
  });
});

describe('the catalogue', () => {
  it('has a name of lower-case words and a description for every fault', () => {
    for (const [name, { description }] of Object.entries(FAULTS)) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(description).not.toBe('');
    }
    expect(isFault('constructor')).toBe(false);
  });

  it('leaves the simulator well after every one of them', async () => {
    for (const name of Object.keys(FAULTS)) {
      await rawPost(simulator, BODY, { headers: { 'x-simulator-fault': `${name}=20` }, leaveAfterMs: 40 });
    }
    expect((await post(simulator, BODY)).status).toBe(200);
  });
});

function unchunk(body: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, end), 16);
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
