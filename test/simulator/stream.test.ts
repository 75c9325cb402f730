import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { framePiece } from '../../src/simulator/payload.ts';
import { splitReply, writeJson } from '../../src/simulator/words.ts';
import { partsOf, post, prompt } from './client.ts';
import type { Part, Reply } from './client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterAll(() => simulator.close());

const text = (chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString();
const SSE = { verb: 'streamGenerateContent', query: '?alt=sse' };

describe('a stream', () => {
  it('of events frames each reply in exactly these bytes', () => {
    const json = writeJson({ a: 1, b: LongString.fromBase64([Buffer.from('AA'), Buffer.from('==')]) }, 0);
    expect(text(framePiece(json, 'events', 0, 2))).toBe('data: {"a":1,"b":"AA=="}\r\n\r\n');
  });

  it('without alt=sse is one array in exactly these bytes', () => {
    const pieces = [{ a: 1 }, { b: 2 }].map((piece, index) => framePiece(writeJson(piece, 2), 'array', index, 2));
    expect(text(pieces.flat())).toBe('[{\n  "a": 1\n}\n,\r\n{\n  "b": 2\n}\n]\n');
  });

  it('cannot be forged by a prompt that looks like a place for a long string', () => {
    const json = writeJson({ a: 'long-string-0', b: LongString.fromBase64([Buffer.from('AAAA')]) }, 0);
    expect(text(json)).toBe('{"a":"long-string-0","b":"AAAA"}');
  });

  it('of what is no ordinary reply is that in one piece', () => {
    for (const words of [{ error: {} }, { candidates: 'none' }, { candidates: [{ content: { parts: null } }] }]) {
      expect(splitReply(words)).toEqual([words]);
    }
  });

  it('has the parts of the plain reply, and its finishReason and usage in the end', async () => {
    const body = prompt('a fox in deep snow', { seed: 7, thinkingConfig: { includeThoughts: true } });
    const plain = await post(simulator, body);
    const events = await post(simulator, body, SSE);
    expect(events.headers.get('content-type')).toBe('text/event-stream');
    const replies = events.text
      .split('\r\n\r\n')
      .slice(0, -1)
      .map((event): Reply => JSON.parse(event.slice('data: '.length)));
    const parts = replies.flatMap(partsOf);
    const texts = (of: readonly Part[], thought: boolean): string =>
      of.flatMap((part) => (!!part.thought === thought ? [part.text ?? ''] : [])).join('');
    expect(texts(parts, false)).toBe(texts(partsOf(plain.json), false));
    expect(texts(parts, true)).toBe(texts(partsOf(plain.json), true));
    const pictures = (of: readonly Part[]): Part[] => of.filter(({ inlineData }) => inlineData);
    expect(pictures(parts)).toEqual(pictures(partsOf(plain.json)));
    expect(replies.map((reply) => reply.candidates?.[0]?.finishReason).filter(Boolean)).toEqual(['STOP']);
    expect(replies.at(-1)?.usageMetadata).toEqual(plain.json.usageMetadata);
    expect(new Set(replies.map(({ responseId }) => responseId)).size).toBe(1);
  });

  it('as an array parses whole', async () => {
    const { json, headers } = await post(simulator, prompt('a fox'), { verb: 'streamGenerateContent' });
    expect(headers.get('content-type')).toBe('application/json; charset=UTF-8');
    expect(json).toBeInstanceOf(Array);
  });

  it('that is refused before it began is a plain error, in an array where the reply were one', async () => {
    const events = await post(simulator, prompt('a', { x: 1 }), SSE);
    expect(events.json.error?.code).toBe(400);
    const array = await post(simulator, prompt('a', { x: 1 }), { verb: 'streamGenerateContent' });
    expect(array.json).toEqual([{ error: events.json.error }]);
    expect((await post(simulator, prompt('simulate:overloaded'), { verb: 'streamGenerateContent' })).text).toMatch(
      /^\[/,
    );
  });

  it('shows its drafts before the picture is done', async () => {
    simulator.settings.latencyMs = 2000;
    const body = prompt('a fox', { seed: 9, thinkingConfig: { includeThoughts: true } });
    const response = await fetch(`${simulator.url}/v1/models/gemini-3-pro-image:streamGenerateContent?alt=sse&key=k`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const reader = response.body!.getReader();
    const first = await reader.read();
    expect(simulator.bill.entries.at(-1)?.call).not.toBe(simulator.calls.at(-1)?.number);
    expect(Buffer.from(first.value ?? []).toString()).toContain('"thought":true');
    while (!(await reader.read()).done);
    expect(simulator.bill.entries.at(-1)?.call).toBe(simulator.calls.at(-1)?.number);
    simulator.settings.latencyMs = 0;
  });
});

describe('a plain reply', () => {
  it('has its fields in the order of the recordings, pretty-printed and chunked', async () => {
    const { text, headers } = await post(simulator, prompt('a fox', { responseModalities: ['IMAGE'] }));
    expect(headers.get('transfer-encoding')).toBe('chunked');
    expect(headers.get('content-length')).toBeNull();
    const skeleton = text
      .replaceAll(/: ("[^"]*"|\d+)/g, '')
      .replaceAll(/[\s{}[\],:]+/g, ' ')
      .trim();
    expect(skeleton.replaceAll('"', '').split(' ')).toEqual(
      [
        ['candidates', 'content', 'parts', 'inlineData', 'data', 'mimeType', 'thoughtSignature', 'role'],
        ['finishReason', 'index', 'modelVersion', 'responseId', 'usageMetadata', 'candidatesTokenCount'],
        ['candidatesTokensDetails', 'modality', 'tokenCount', 'promptTokenCount', 'promptTokensDetails', 'modality'],
        ['tokenCount', 'serviceTier', 'thoughtsTokenCount', 'totalTokenCount'],
      ].flat(),
    );
  });

  it('has signatures as large as recorded: one part 1.5 to 2.9 MB, two parts 1.1 MB each', async () => {
    simulator.settings.signatureBytes = 'recorded';
    const [alone, both] = await Promise.all([
      post(simulator, prompt('a fox', { responseModalities: ['IMAGE'] })),
      post(simulator, prompt('a fox')),
    ]);
    const lengths = (reply: Reply): number[] =>
      partsOf(reply).map(({ thoughtSignature }) => thoughtSignature?.length ?? 0);
    expect(lengths(alone.json)[0]).toBeGreaterThanOrEqual(1_500_000);
    expect(lengths(alone.json)[0]).toBeLessThan(2_900_004);
    expect(lengths(both.json)).toEqual([1_100_000, 1_100_000]);
    simulator.settings.signatureBytes = 64;
  });

  it('is words only, picture only or both, as the modalities say', async () => {
    const kinds = async (responseModalities?: string[]): Promise<string[]> => {
      const { json } = await post(simulator, prompt('a fox', responseModalities ? { responseModalities } : {}));
      return partsOf(json).map((part) => (part.inlineData ? 'picture' : 'text'));
    };
    expect(await kinds()).toEqual(['text', 'picture']);
    expect(await kinds(['TEXT', 'IMAGE'])).toEqual(['text', 'picture']);
    expect(await kinds(['IMAGE'])).toEqual(['picture']);
    expect(await kinds(['TEXT'])).toEqual(['text']);
  });

  it('has its thoughts first: words and two drafts, the last of them the picture', async () => {
    const { json } = await post(simulator, prompt('a fox', { thinkingConfig: { includeThoughts: true } }));
    const parts = partsOf(json);
    expect(parts.map(({ thought }) => !!thought)).toEqual([true, true, true, false, false]);
    expect(parts[2]?.inlineData).toEqual(parts[4]?.inlineData);
    expect(parts[1]?.inlineData).not.toEqual(parts[4]?.inlineData);
    expect(parts.slice(0, 3).every(({ thoughtSignature }) => thoughtSignature === undefined)).toBe(true);
  });

  it('stops without a picture when there is no room for one', async () => {
    const { json } = await post(simulator, prompt('a fox', { maxOutputTokens: 1024 }));
    expect(json.candidates).toEqual([expect.objectContaining({ content: {}, finishReason: 'MAX_TOKENS' })]);
  });

  it('names its sources when it searched', async () => {
    const { json } = await post(simulator, { ...prompt('the weather <now>'), tools: [{ googleSearch: {} }] });
    const grounding = json.candidates?.[0]?.groundingMetadata;
    expect(Object.keys(grounding ?? {})).toEqual([
      'groundingChunks',
      'groundingSupports',
      'searchEntryPoint',
      'webSearchQueries',
    ]);
    expect(grounding).toMatchObject({
      groundingChunks: [{ web: { title: 'almanac.example.com' } }, {}, {}],
      webSearchQueries: ['', 'the weather <now>'],
      searchEntryPoint: { renderedContent: expect.stringContaining('the weather &lt;now&gt;</a>') },
    });
    expect(JSON.stringify(grounding?.['searchEntryPoint']).length).toBeGreaterThan(4096);
  });
});
