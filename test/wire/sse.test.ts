import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { JsonError } from '../../src/wire/json.ts';
import type { Json } from '../../src/wire/json.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { EventReader, writeEvent } from '../../src/wire/sse.ts';
import { chunked, chunkSizes, examples, LONG_TIMEOUT, withTexts } from './documents.ts';

const LIMITS = { bytes: 1 << 20 };

function read(chunks: readonly Uint8Array[], limits = LIMITS): unknown[] {
  const events: unknown[] = [];
  const reader = new EventReader(limits, (data) => events.push(withTexts(data)));
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return events;
}

const readText = (text: string): unknown[] => read([Buffer.from(text)]);

/** The standard's own algorithm, on the whole text at once, for data that is JSON. */
function readPlainly(text: string): unknown[] {
  const events: unknown[] = [];
  let data: string[] = [];
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)) {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (line !== '') {
      if (name === 'data') data.push(value);
      continue;
    }
    const whole = data.join('\n');
    data = [];
    if (whole !== '' && whole !== '[DONE]') events.push(JSON.parse(whole));
  }
  return events;
}

describe('events that are read', () => {
  it.each([
    ['a line feed', 'data: {"a":1}\n\ndata: {"b":2}\n\n'],
    ['as Google ends lines', 'data: {"a":1}\r\n\r\ndata: {"b":2}\r\n\r\n'],
    ['a carriage return', 'data: {"a":1}\r\rdata: {"b":2}\r\r'],
    ['a mixture', 'data: {"a":1}\r\n\ndata: {"b":2}\n\r\n'],
    ['without a space', 'data:{"a":1}\n\ndata:{"b":2}\n\n'],
    ['with names, ids and comments', ': hi\n\nevent: x\nid: 7\ndata: {"a":1}\nretry: 5\n\n:\ndata: {"b":2}\n: so\n\n'],
    ['a byte order mark', '\ufeffdata: {"a":1}\n\ndata: {"b":2}\n\n'],
    ['data in lines', 'data: {"a":\ndata: 1}\n\ndata\ndata: {"b"\ndata: :2\ndata: }\n\n'],
    [
      'fields nobody knows',
      'dat: {\ndatabase: {\nnonsense\na-name-that-has-no-end-and-goes-on: {\ndata: {"a":1}\n\ndata: {"b":2}\n\n',
    ],
    ['blank lines', '\n\n\ndata: {"a":1}\n\n\n\n\ndata: {"b":2}\n\n\n'],
    ['[DONE] at the end', 'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n'],
    ['no blank line at the end', 'data: {"a":1}\n\ndata: {"b":2}\n'],
    ['no end of line at the end', 'data: {"a":1}\n\ndata: {"b":2}'],
  ])('with %s are the same, wherever the chunks end', (_, text) => {
    const bytes = Buffer.from(text);
    expect(readText(text)).toEqual([{ a: 1 }, { b: 2 }]);
    for (let cut = 1; cut < bytes.length; cut += 1)
      expect(read([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual([{ a: 1 }, { b: 2 }]);
    expect(read(chunked(bytes, [1]))).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it('are what the standard says, whatever they hold and however they come', { timeout: LONG_TIMEOUT }, () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const line = fc.oneof(
      value.map((json) => `data: ${JSON.stringify(json)}`),
      value.map((json) => `data:${JSON.stringify(json)}`),
      fc.constantFrom(': comment', 'event: x', 'id:1', 'retry', 'dataset: {', ':', 'data: [DONE]'),
    );
    const newline = fc.constantFrom('\n', '\r\n', '\r');
    const event = fc.tuple(fc.array(line, { maxLength: 3 }), newline, newline);
    fc.assert(
      fc.property(fc.array(event, { maxLength: 6 }), chunkSizes, (events, sizes) => {
        const text = events.map(([lines, one, other]) => lines.map((each) => each + one).join('') + other).join('');
        let expected: unknown[] | null = null;
        try {
          expected = readPlainly(text);
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error;
        }
        const actual = (): unknown[] => read(chunked(Buffer.from(text), sizes));
        if (expected === null) expect(actual).toThrow(JsonError);
        else expect(actual()).toEqual(expected);
      }),
      examples(300, 100_000),
    );
  });

  it('are what was written', { timeout: LONG_TIMEOUT }, () => {
    const data = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })) as fc.Arbitrary<Record<string, Json>>;
    const event = fc.record({ name: fc.constantFrom(null, 'image_generation.completed'), data });
    fc.assert(
      fc.property(fc.array(event), fc.constantFrom('\n', '\r\n'), chunkSizes, (events, newline, sizes) => {
        const chunks = events.flatMap((each) => writeEvent(each, newline as '\n').chunks);
        const heard = read(chunked(Buffer.concat(chunks), sizes));
        expect(heard).toEqual(JSON.parse(JSON.stringify(events.map((each) => each.data))));
      }),
      examples(100, 20_000),
    );
  });

  it('of any bytes at all are read or are a JsonError', { timeout: LONG_TIMEOUT }, () => {
    const noise = fc.array(
      fc.oneof(
        fc.constantFrom('data:', 'data: {', '}', '\n', '\r', ':', '"', '[DONE]', '\ufeff'),
        fc.string({ unit: 'binary' }),
      ),
    );
    fc.assert(
      fc.property(noise, chunkSizes, (pieces, sizes) => {
        const bytes = Buffer.from(pieces.join(''));
        try {
          read(chunked(bytes, sizes));
        } catch (error) {
          expect(error).toBeInstanceOf(JsonError);
        }
      }),
      examples(300, 100_000),
    );
  });

  it('give a picture of many chunks as views on what was received', () => {
    const picture = Buffer.alloc(200_000, 'QUJD');
    const text = Buffer.concat([Buffer.from('data: {"data":"'), picture, Buffer.from('"}\r\n\r\n')]);
    const chunks = chunked(text, [1000]);
    let data: Json = null;
    const reader = new EventReader(LIMITS, (value) => {
      data = value;
    });
    for (const chunk of chunks) reader.push(chunk);
    const long = (data as unknown as { readonly data: LongString }).data;
    expect(long).toBeInstanceOf(LongString);
    expect(Buffer.concat(long.chunks)).toEqual(picture);
    for (const view of long.chunks) expect(view.buffer).toBe(text.buffer);
  });

  it('are told when their last byte has come, and not before', () => {
    const events: Json[] = [];
    const reader = new EventReader(LIMITS, (data) => events.push(data));
    reader.push(Buffer.from('data: {"a":1}\n'));
    expect(events).toEqual([]);
    reader.push(Buffer.from('\n'));
    expect(events).toEqual([{ a: 1 }]);
  });

  it.each([
    ['that is cut short', 'data: {"a":1}\n\ndata: {"b":'],
    ['that is no JSON', 'data: <html>\n\n'],
    ['that is half of [DONE]', 'data: [DO\n\n'],
    ['with more behind [DONE]', 'data: [DONE]!\n\n'],
    ['with a byte that is no UTF-8', Buffer.from('data: {"a":"\xff"}\n\n', 'latin1')],
  ])('with data %s are a JsonError', (_, text) => {
    expect(() => read([Buffer.from(text)])).toThrow(JsonError);
  });

  it('are no longer than allowed, comments and all', () => {
    expect(() => read([Buffer.from(`:${'x'.repeat(100)}\n`)], { bytes: 100 })).toThrow(/longer than 100 bytes/);
    expect(() => read([Buffer.from(`data: "${'x'.repeat(100)}"\n\n`)], { bytes: 100 })).toThrow(JsonError);
  });

  it('are no more than can be held: small ones weigh something too', () => {
    const many = Buffer.from('data: 1\n\n'.repeat(20_000));
    expect(() => read([many])).toThrow(JsonError);
  });
});

describe('an event that is written', () => {
  const bytes = (event: Parameters<typeof writeEvent>[0], newline: '\n' | '\r\n' = '\n'): string => {
    const { chunks, byteLength } = writeEvent(event, newline);
    const text = Buffer.concat(chunks);
    expect(text.length).toBe(byteLength);
    return text.toString();
  };

  it('has a name and one line of data', () => {
    expect(bytes({ name: 'a.b', data: { c: 'd\ne' } })).toBe('event: a.b\ndata: {"c":"d\\ne"}\n\n');
  });

  it('ends its lines as Google does, without a name, where that is asked for', () => {
    expect(bytes({ name: null, data: { c: 1 } }, '\r\n')).toBe('data: {"c":1}\r\n\r\n');
  });

  it('may be text, each line of which is one of data', () => {
    expect(bytes({ name: null, data: '[DONE]' })).toBe('data: [DONE]\n\n');
    expect(bytes({ name: null, data: 'a\r\nb\nc' })).toBe('data: a\ndata: b\ndata: c\n\n');
  });

  it('has the bytes of a picture as they are, uncopied', () => {
    const picture = Buffer.from('QUJD');
    const { chunks } = writeEvent({ name: null, data: { c: LongString.fromBase64([picture]) } }, '\n');
    expect(chunks).toContain(picture);
    expect(Buffer.concat(chunks).toString()).toBe('data: {"c":"QUJD"}\n\n');
  });
});
