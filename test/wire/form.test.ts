import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64 } from '../../src/wire/base64.ts';
import { Base64Writer } from '../../src/wire/base64-writer.ts';
import { FormError, FormReader } from '../../src/wire/form.ts';
import type { FormLimits, FormPart } from '../../src/wire/form.ts';

const RUNS = process.env.PLANTAIN_TEST_LONG === undefined ? 300 : 20_000;
const B = '----boundary7';

interface Written {
  readonly name: string;
  readonly content: Buffer;
  readonly fileName?: string;
  readonly type?: string;
}

/** A form as the standard has it, by nobody's library. */
function written(parts: readonly Written[], boundary = B): Buffer {
  const escaped = (text: string): string => text.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
  const pieces = parts.flatMap(({ name, content, fileName, type }) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"`),
    Buffer.from(fileName === undefined ? '' : `; filename="${escaped(fileName)}"`),
    Buffer.from(type === undefined ? '\r\n\r\n' : `\r\nContent-Type: ${type}\r\n\r\n`),
    content,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

function read(bytes: Buffer, sizes: readonly number[] = [bytes.length], limits: Partial<FormLimits> = {}) {
  const reader = new FormReader(B, limits);
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length]!;
    reader.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return reader.end();
}

async function told(parts: readonly FormPart[]): Promise<unknown> {
  return Promise.all(
    parts.map(async (part) =>
      part.kind === 'text'
        ? { name: part.name, content: Buffer.from(part.text) }
        : { name: part.name, content: await decodeBase64(part.data), fileName: part.fileName },
    ),
  );
}

function refusal(act: () => unknown): FormError {
  try {
    act();
  } catch (error) {
    if (error instanceof FormError) return error;
    throw error;
  }
  throw new Error('the form was read');
}

const raw = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1');
const HEAD = 'Content-Disposition: form-data; name="a"';

describe('a form', () => {
  test('is the same wherever its bytes are cut', async () => {
    const parts = [
      { name: 'prompt', content: Buffer.from('a fox, ü 🦊') },
      { name: 'image[]', content: Buffer.from(`\r\n\r\n--\r\n--${B.slice(0, -1)}\r\n`), fileName: 'a "b".png' },
      { name: 'n', content: Buffer.alloc(0) },
      { name: 'image[]', content: Buffer.from([0, 255, 13, 10, 45, 45]), fileName: '', type: 'image/png' },
    ];
    const bytes = written(parts);
    const expected = parts.map(({ type: _type, ...part }) => part);
    for (let cut = 1; cut < bytes.length; cut += 1)
      expect(await told(read(bytes, [cut, bytes.length]))).toEqual(expected);
    expect(await told(read(bytes, [1]))).toEqual(expected);
  });

  test('of any names and contents is read as it was written, in chunks of any size', async () => {
    const hard = fc.constantFrom('\r', '\n', '\r\n', '-', '--', '\r\n--', `\r\n--${B.slice(0, 5)}`, 'x', '\0', '"');
    const content = fc.oneof(
      fc.array(hard, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join(''))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    const file = fc.record({
      name: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).map((name) => name.replace(/[\0\\%\s]/g, '_')),
      content,
      fileName: fc.string({ maxLength: 20, unit: 'grapheme' }).map((name) => name.replace(/[\0\\%\s]/g, '_')),
    });
    const field = fc.record({
      name: file.map(({ name }) => name),
      content: fc.string({ maxLength: 40, unit: 'grapheme' }).map((text) => Buffer.from(text)),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(file, field), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 }),
        async (parts, sizes) => {
          fc.pre(parts.every((part) => !part.content.includes(`--${B}`)));
          if (parts.length === 0) return;
          expect(await told(read(written(parts), sizes))).toEqual(parts);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('may hold a file of many blocks', async () => {
    const content = Buffer.alloc(1_300_007, 'any bytes, of a length that three does not divide');
    const [part] = read(written([{ name: 'image', content, fileName: 'x' }]), [65_536]);
    if (part?.kind !== 'file') throw new Error('no file');
    expect(Buffer.concat(part.data.chunks).toString()).toBe(content.toString('base64'));
    expect(part.byteLength).toBe(content.length);
  });

  test('as FormData writes it is read', async () => {
    const form = new FormData();
    form.append('prompt', 'two\nlines "quoted"');
    form.append('image', new Blob(['bytes'], { type: 'image/png' }), 'ü".png');
    const response = new Response(form);
    const boundary = /boundary=(.*)$/.exec(response.headers.get('content-type') ?? '')?.[1] ?? '';
    const reader = new FormReader(boundary);
    reader.push(Buffer.from(await response.arrayBuffer()));
    expect(await told(reader.end())).toEqual([
      { name: 'prompt', content: Buffer.from('two\r\nlines "quoted"') },
      { name: 'image', content: Buffer.from('bytes'), fileName: 'ü".png' },
    ]);
  });

  test.each([
    ['a preamble and an epilogue', raw('hello', `--${B}`, HEAD, '', 'x', `--${B}--`, 'more', `--${B}`, 'y'), 'x'],
    ['white space after the boundary', raw(`--${B} \t`, HEAD, '', 'x', `--${B}--`), 'x'],
    ['a part without content or the line for it', raw(`--${B}`, HEAD, '', `--${B}--`), ''],
    [
      'names in any case and a folded line',
      raw(`--${B}`, 'CONTENT-disposition: FORM-DATA;', ' NAME=a', '', 'x', `--${B}--`),
      'x',
    ],
    ['JSON as a part', raw(`--${B}`, HEAD, 'Content-Type: application/json', '', '{}', `--${B}--`), '{}'],
    [
      'a transfer encoding that changes nothing',
      raw(`--${B}`, HEAD, 'Content-Transfer-Encoding: binary', '', 'x', `--${B}--`),
      'x',
    ],
  ])('with %s is read', (_what, bytes, text) => {
    expect(read(bytes)).toEqual([{ kind: 'text', name: 'a', text }]);
    expect(read(bytes, [1])).toEqual([{ kind: 'text', name: 'a', text }]);
  });

  test.each([
    ['nothing', raw(''), /begin with the boundary/],
    ['another boundary', raw('--other', HEAD, '', 'x', '--other--'), /begin with the boundary/],
    ['no end', raw(`--${B}`, HEAD, '', 'x'), /cut off/],
    ['half an end', raw(`--${B}`, HEAD, '', 'x', `--${B}-`), /cut off/],
    ['an end within a header', raw(`--${B}`, HEAD), /cut off/],
    ['lines that end with a line feed alone', Buffer.from(`--${B}\n${HEAD}\n\nx\n--${B}--\n`), /line end \(CRLF\)/],
    ['a boundary that goes on', raw(`--${B}9`, HEAD, '', 'x', `--${B}9--`), /line end \(CRLF\)/],
    ['no header', raw(`--${B}`, '', 'x', `--${B}--`), /no Content-Disposition/],
    ['no disposition', raw(`--${B}`, 'Content-Type: text/plain', '', 'x', `--${B}--`), /no Content-Disposition/],
    ['no name', raw(`--${B}`, 'Content-Disposition: form-data', '', 'x', `--${B}--`), /no name/],
    ['an empty name', raw(`--${B}`, 'Content-Disposition: form-data; name=""', '', 'x', `--${B}--`), /no name/],
    ['an attachment', raw(`--${B}`, 'Content-Disposition: attachment; name="a"', '', 'x', `--${B}--`), /malformed/],
    ['two names', raw(`--${B}`, `${HEAD}; name="b"`, '', 'x', `--${B}--`), /malformed/],
    ['an open quote', raw(`--${B}`, 'Content-Disposition: form-data; name="a', '', 'x', `--${B}--`), /malformed/],
    ['a line that is no header', raw(`--${B}`, HEAD, 'what', '', 'x', `--${B}--`), /malformed header/],
    ['two dispositions', raw(`--${B}`, HEAD, HEAD, '', 'x', `--${B}--`), /twice/],
    [
      'a form inside',
      raw(`--${B}`, HEAD, 'Content-Type: multipart/mixed; boundary=c', '', 'x', `--${B}--`),
      /within forms/,
    ],
    ['base64', raw(`--${B}`, HEAD, 'Content-Transfer-Encoding: base64', '', 'eA==', `--${B}--`), /as they are/],
    ['another charset', raw(`--${B}`, HEAD, 'Content-Type: text/plain; charset=utf-16', '', 'x', `--${B}--`), /UTF-8/],
    ['text that is no UTF-8', raw(`--${B}`, HEAD, '', '\xff', `--${B}--`), /UTF-8/],
  ])('with %s is refused, wherever it is cut', (_what, bytes, words) => {
    for (const sizes of [[bytes.length || 1], [1], [7]]) {
      const error = refusal(() => read(bytes, sizes));
      expect(error.reason).toBe('syntax');
      expect(error.message).toMatch(words);
    }
  });

  test.each<[string, Partial<FormLimits>, Buffer, string]>([
    ['parts', { parts: 1 }, written([1, 2].map((n) => ({ name: `p${n}`, content: Buffer.from('x') }))), 'too_many'],
    [
      'header',
      { headerBytes: 100 },
      raw(`--${B}`, `x: ${'y'.repeat(200)}`, HEAD, '', 'x', `--${B}--`),
      'part_too_large',
    ],
    ['headers', {}, raw(`--${B}`, ...Array.from({ length: 40 }, (_, n) => `x${n}: y`), '', '', `--${B}--`), 'too_many'],
    ['name', {}, written([{ name: 'n'.repeat(300), content: Buffer.from('x') }]), 'part_too_large'],
    [
      'file name',
      {},
      written([{ name: 'n', fileName: 'f'.repeat(1100), content: Buffer.from('x') }]),
      'part_too_large',
    ],
    ['field', { fieldBytes: 3 }, written([{ name: 'n', content: Buffer.from('four') }]), 'part_too_large'],
    [
      'fields',
      { textBytes: 3 },
      written(['a', 'b'].map((name) => ({ name, content: Buffer.from('xx') }))),
      'part_too_large',
    ],
    ['file', { fileBytes: 3 }, written([{ name: 'n', fileName: 'f', content: Buffer.from('four') }]), 'part_too_large'],
    ['body', { bytes: 50 }, written([{ name: 'n', fileName: 'f', content: Buffer.alloc(100) }]), 'body_too_large'],
    ['preamble', {}, Buffer.alloc(5000, 'no boundary here '), 'syntax'],
  ])('has a bound on its %s', (_what, limits, bytes, reason) => {
    for (const sizes of [[bytes.length], [1]]) expect(refusal(() => read(bytes, sizes, limits)).reason).toBe(reason);
  });

  test('what a part’s mistake is about is told by its name', () => {
    const bytes = written([{ name: 'image[]', fileName: 'f', content: Buffer.from('four') }]);
    expect(refusal(() => read(bytes, [5], { fileBytes: 3 })).field).toBe('image[]');
  });

  test('of which anything was changed is read or refused, and nothing else', () => {
    const whole = written([
      { name: 'prompt', content: Buffer.from('a fox') },
      { name: 'image', content: Buffer.from([1, 2, 13, 10, 3]), fileName: 'x.png', type: 'image/png' },
    ]);
    const change = fc.record({
      at: fc.nat(whole.length - 1),
      cut: fc.nat(12),
      put: fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        fc
          .constantFrom('\r\n', '\r', '\n', '--', `--${B}`, `\r\n--${B}--`, '"', ';', ': ', '\0')
          .map((s) => Buffer.from(s)),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 300 }),
        (changes, size) => {
          let bytes = whole;
          for (const { at, cut, put } of changes)
            bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]);
          const outcome = (sizes: readonly number[]): string => {
            try {
              return JSON.stringify(read(bytes, sizes));
            } catch (error) {
              if (!(error instanceof FormError)) throw error;
              return error.reason;
            }
          };
          // However it came, it is the same form or the same mistake.
          expect(outcome([size])).toBe(outcome([bytes.length || 1]));
        },
      ),
      { numRuns: RUNS * 10 },
    );
  });
});

test('base64 written piece by piece is that of the whole', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60_000, size: 'max' }), { maxLength: 8 }), (pieces) => {
      const writer = new Base64Writer();
      for (const piece of pieces) writer.push(piece);
      const whole = Buffer.concat(pieces);
      expect(writer.byteLength).toBe(whole.length);
      expect(Buffer.concat(writer.end().chunks).toString()).toBe(whole.toString('base64'));
    }),
    { numRuns: 50 },
  );
});
