import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { readBody, USUAL_PACE } from '../../src/http/body.ts';
import type { BodyLimits, FromForm, ReadBody } from '../../src/http/body.ts';
import { createByteBudget } from '../../src/http/byte-budget.ts';
import type { ByteBudget } from '../../src/http/byte-budget.ts';
import type { FormPart } from '../../src/wire/form.ts';
import { callRaw, hangUpAll } from '../support/raw.ts';
import type { RawCaller } from '../support/raw.ts';

const LIMIT = 3 << 20;

let budget: ByteBudget;
let welcomed: boolean;
let broken: AbortController;
const closers: (() => void)[] = [];
beforeEach(() => {
  budget = createByteBudget(8 << 20);
  welcomed = false;
  broken = new AbortController();
});
afterEach(() => {
  hangUpAll();
  for (const close of closers.splice(0)) close();
});

/** A caller that said these headers, and what becomes of its body. */
async function send(
  headers: readonly string[],
  limits: Partial<BodyLimits> = {},
  fromForm: FromForm | null = null,
): Promise<{ caller: RawCaller; body: Promise<ReadBody | GatewayError> }> {
  const read = Promise.withResolvers<ReadBody | GatewayError>();
  const server = createServer((raw, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const source = { raw, gone: gone.signal, broken: broken.signal, welcome: () => (welcomed = true) };
    readBody(source, { bytes: LIMIT, budget, pace: USUAL_PACE, ...limits }, fromForm).then(
      read.resolve,
      (error: unknown) => (error instanceof GatewayError ? read.resolve(error) : read.reject(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const caller = await callRaw(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  caller.say(`POST / HTTP/1.1\r\nhost: x\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`);
  return { caller, body: read.promise };
}

const JSON_TYPE = 'content-type: application/json';
const CHUNKED = 'transfer-encoding: chunked';
const chunk = (words: string): string => `${Buffer.byteLength(words).toString(16)}\r\n${words}\r\n`;
const END = '0\r\n\r\n';

async function refusal(body: Promise<ReadBody | GatewayError>): Promise<GatewayError> {
  const refused = await body;
  if (!(refused instanceof GatewayError)) throw new Error('the body was read');
  expect(budget.held).toBe(0);
  return refused;
}

async function good(body: Promise<ReadBody | GatewayError>): Promise<ReadBody> {
  const read = await body;
  if (read instanceof GatewayError) throw read;
  return read;
}

describe('reading a body', () => {
  test.each([
    JSON_TYPE,
    'content-type: Application/JSON; charset="UTF-8"',
    'content-type: application/json;charset=utf8',
    'content-type: application/json; profile="a"; charset=utf-8',
    'content-type: application/json;',
    'content-encoding: identity',
    'x-no-type: at all',
  ])('%s is read', async (header) => {
    const { caller, body } = await send([header, 'content-length: 7']);
    caller.say('{"a":1}');
    const read = await good(body);
    expect(read.value).toEqual({ a: 1 });
    expect([read.byteLength, budget.held]).toEqual([7, 7]);
  });

  test.each([
    ['content-type: application/x-www-form-urlencoded', /curl -d alone sends a form/],
    ['content-type: text/plain', /Content-Type: application\/json/],
    ['content-type: multipart/form-data; boundary=x', /Content-Type: application\/json/],
    ['content-type: application/json; charset=latin1', /UTF-8/],
    ['content-type: application/json; charset=utf-8; charset=utf-16', /UTF-8/],
    ['content-type: application/json; boundary', /malformed/],
    ['content-type: application/jsonx', /Content-Type: application\/json/],
    ['content-type: application/json garbage', /Content-Type: application\/json/],
    ['content-encoding: gzip', /Compressed/],
    ['content-encoding: identity, br', /Compressed/],
  ])('%s is a 415, before a byte is read', async (header, words) => {
    const { body } = await send([header, 'content-length: 7']);
    const refused = await refusal(body);
    expect(refused).toMatchObject({ status: 415, detail: { code: 'unsupported_media_type' } });
    expect(refused.message).toMatch(words);
    expect(welcomed).toBe(false);
  });

  test.each(['', '[]', '"x"', '1', 'null', '{"a":', '{"a":1}}', "{'a':1}", '{"a":NaN}', '\u{feff}{}', '{"a":"\t"}'])(
    '%j is a 400 that says where',
    async (words) => {
      const { caller, body } = await send([JSON_TYPE, `content-length: ${Buffer.byteLength(words)}`]);
      caller.say(words);
      const refused = await refusal(body);
      expect(refused).toMatchObject({ status: 400, detail: { code: 'invalid_json' } });
      expect(refused.message).toMatch(/at byte \d+|must be a JSON object/);
    },
  );

  test('the mistake is told while the rest is still coming', async () => {
    const { caller, body } = await send([JSON_TYPE, `content-length: ${LIMIT}`]);
    caller.say('{"a":oops');
    expect((await refusal(body)).message).toContain('at byte 5');
  });
});

describe('the size of a body', () => {
  test('a length declared beyond the limit is a 413, before a byte is read', async () => {
    const { body } = await send([JSON_TYPE, `content-length: ${LIMIT + 1}`, 'expect: 100-continue']);
    const refused = await refusal(body);
    expect(refused).toMatchObject({ status: 413, failure: 'too_large' });
    expect(refused.message).toContain('3 MiB');
    expect(welcomed).toBe(false);
  });

  test('chunks that go beyond the limit are a 413 as soon as they do', async () => {
    const { caller, body } = await send([JSON_TYPE, CHUNKED]);
    caller.say(chunk('{"a":"'));
    const mib = chunk('x'.repeat(1 << 20));
    for (let sent = 0; sent < LIMIT; sent += 1 << 20) caller.say(mib);
    expect(await refusal(body)).toMatchObject({ status: 413 });
  });

  test('a body of unknown length takes room as it comes, and in the end what it is', async () => {
    const { caller, body } = await send([JSON_TYPE, CHUNKED]);
    caller.say(chunk('{"a":"'));
    await expect.poll(() => budget.held).toBe(1 << 20);
    caller.say(chunk('x'.repeat(1_500_000)));
    await expect.poll(() => budget.held).toBe(2 << 20);
    caller.say(chunk('"}') + END);
    const read = await good(body);
    expect([read.byteLength, budget.held]).toEqual([1_500_008, 1_500_008]);
  });

  test('the room is given back by the last who needs the bytes, once', async () => {
    const { caller, body } = await send([JSON_TYPE, 'content-length: 2']);
    caller.say('{}');
    const read = await good(body);
    const caught = read.retain();
    const flight = read.retain();
    caught();
    caught();
    expect(budget.held).toBe(2);
    flight();
    expect(budget.held).toBe(0);
  });

  test('a body for which there is no room waits, and its caller is asked for it only then', async () => {
    const taken = budget.take(8 << 20)!;
    const { caller, body } = await send([JSON_TYPE, 'content-length: 2']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(welcomed).toBe(false);
    taken.keep(0);
    caller.say('{}');
    expect((await good(body)).value).toEqual({});
    expect(welcomed).toBe(true);
  });
});

describe('a body that does not come', () => {
  const hurried = { graceMs: 30, bytesPerSecond: 1 << 30 };

  test('at all, or not fast enough, is a 408', async () => {
    const silent = await send([JSON_TYPE, 'content-length: 10'], { pace: hurried });
    expect(await refusal(silent.body)).toMatchObject({ status: 408, detail: { code: 'body_too_slow' } });
    const slow = await send([JSON_TYPE, 'content-length: 10'], { pace: hurried });
    slow.caller.say('{"a"');
    expect(await refusal(slow.body)).toMatchObject({ status: 408 });
  });

  test('at the pace expected of it is read, however long it takes', async () => {
    const { caller, body } = await send([JSON_TYPE, 'content-length: 12'], {
      pace: { graceMs: 30, bytesPerSecond: 0.1 },
    });
    caller.say('{"a":');
    await new Promise((resolve) => setTimeout(resolve, 100));
    caller.say('"bcd"} ');
    expect((await good(body)).value).toEqual({ a: 'bcd' });
  });

  test('because its caller hung up is nobody’s mistake', async () => {
    const { caller, body } = await send([JSON_TYPE, 'content-length: 10']);
    caller.say('{"a"');
    await expect.poll(() => budget.held).toBe(10);
    caller.socket.destroy();
    expect(await refusal(body)).toMatchObject({ status: 499, detail: { code: 'client_closed' } });
  });

  test('because its caller hung up while it waited for room holds nobody up', async () => {
    const taken = budget.take(8 << 20)!;
    const { caller, body } = await send([JSON_TYPE, 'content-length: 10']);
    await new Promise((resolve) => setImmediate(resolve));
    caller.socket.destroy();
    expect(await body).toMatchObject({ status: 499 });
    taken.keep(0);
    expect(budget.held).toBe(0);
  });

  test('because the connection broke is refused with the reason', async () => {
    const { caller, body } = await send([JSON_TYPE, CHUNKED]);
    caller.say(chunk('{"a"'));
    await expect.poll(() => budget.held).toBe(1 << 20);
    broken.abort(new GatewayError('invalid_request', 'no HTTP', { status: 400 }));
    expect((await refusal(body)).message).toBe('no HTTP');
  });
});

describe('reading a form', () => {
  const FORM_TYPE = 'content-type: multipart/form-data; boundary="b"';
  const file = (content: string): string =>
    `--b\r\ncontent-disposition: form-data; name="image"; filename="x"\r\n\r\n${content}\r\n--b--\r\n`;
  const namesOf = (parts: readonly FormPart[]) => Object.fromEntries(parts.map(({ name, kind }) => [name, kind]));

  test.each(['content-length', 'chunks'])('counts its files as the base64 they become, with %s', async (how) => {
    const words = file('x'.repeat(1_500_000));
    const header = how === 'chunks' ? CHUNKED : `content-length: ${words.length}`;
    const { caller, body } = await send([FORM_TYPE, header], {}, namesOf);
    caller.say(how === 'chunks' ? chunk(words) + END : words);
    const read = await good(body);
    expect(read.value).toEqual({ image: 'file' });
    expect(read.byteLength).toBe(words.length);
    expect(budget.held).toBe(Math.ceil((words.length * 4) / 3));
    read.retain()();
    expect(budget.held).toBe(0);
  });

  test('is a 400 while the rest of a broken one is still coming', async () => {
    const { caller, body } = await send([FORM_TYPE, `content-length: ${LIMIT}`], {}, namesOf);
    caller.say('--b\r\nno header\r\n\r\n');
    expect(await refusal(body)).toMatchObject({ status: 400, detail: { code: 'invalid_form' } });
  });

  test('is a 413 once it is larger than its limit', async () => {
    const { caller, body } = await send([FORM_TYPE, CHUNKED], {}, namesOf);
    caller.say(chunk(file('x'.repeat(LIMIT))));
    expect(await refusal(body)).toMatchObject({ status: 413, detail: { code: 'body_too_large' } });
  });

  test('holds nothing of what is refused by whoever reads it', async () => {
    const words = file('x');
    const mistake = new GatewayError('invalid_request', 'No.');
    const { caller, body } = await send([FORM_TYPE, `content-length: ${words.length}`], {}, () => {
      throw mistake;
    });
    caller.say(words);
    expect(await refusal(body)).toBe(mistake);
  });
});
