import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../../src/simulator/faults.ts';
import { startSimulator } from '../../../src/simulator/server.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { post, prompt, rawPost } from '../client.ts';
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
