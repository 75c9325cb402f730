import { expect, test } from 'vitest';
import { decodePieces } from '../../src/wire/base64.ts';
import { LongString } from '../../src/wire/long-string.ts';

const bytes = Buffer.from(Array.from({ length: 500_000 }, (_, index) => (index * 7919) % 251));

test('pieces of a text are the bytes it stands for, wherever it is cut and wherever they begin and end', () => {
  for (const length of [500_000, 499_999, 499_998, 1, 0]) {
    const source = bytes.subarray(0, length);
    const text = Buffer.from(source.toString('base64'));
    const cuts = [0, 1, 5, 40_003, 300_001, text.length].filter((at) => at <= text.length);
    const chunks = cuts.slice(1).map((at, index) => text.subarray(cuts[index], at));
    const data = LongString.fromBase64(chunks);
    const ends = [0, 1, 2, 3, 196_607, 196_608, 196_609, length - 1, length].filter((at) => at >= 0 && at <= length);
    for (const from of ends)
      for (const to of ends.filter((end) => end >= from)) {
        const pieces = [...decodePieces(data, from, to)];
        expect(Buffer.concat(pieces).equals(source.subarray(from, to)), `${from} to ${to} of ${length}`).toBe(true);
        for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(196_608);
      }
  }
});

test('a piece is decoded when it is asked for, and no sooner', () => {
  let read = 0;
  const text = Buffer.from(bytes.toString('base64'));
  const data = LongString.fromBase64([text]);
  const pieces = decodePieces(data, 0, bytes.length);
  pieces.next();
  text.fill('A', 262_144);
  for (const piece of pieces) {
    read += piece.length;
    expect(piece.every((byte) => byte === 0)).toBe(true);
  }
  expect(read).toBe(bytes.length - 196_608);
});
