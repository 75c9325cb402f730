import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gunzipSync } from 'node:zlib';
import { FAULTS } from '../../../src/simulator/faults.ts';
import type { Fault } from '../../../src/simulator/faults.ts';
import { startSimulator } from '../../../src/simulator/server.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { partsOf, post, prompt, rawPost } from '../client.ts';
import type { Answer } from '../client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterAll(() => simulator.close());

const BODY = prompt('a fox', { seed: 7 });
const named = (fault: Fault | `${Fault}=${number}`): { headers: Record<string, string> } => ({
  headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': fault },
});
const show = (fault: Fault): Promise<Answer> => post(simulator, BODY, named(fault));

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
