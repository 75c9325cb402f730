import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplyReader } from './reply.ts';
import type { Reply } from './reply.ts';

const WIRE = Buffer.from(
  [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Status: Plantain; hit\r\n\r\n12345',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n',
    'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nConnection: close\r\n\r\nbusy',
    'HTTP/1.1 204 No Content\r\n\r\n',
  ].join(''),
);

test('replies are told apart wherever the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: WIRE.length - 1 }), { maxLength: 20 }), (cuts) => {
      const replies: Reply[] = [];
      const reader = new ReplyReader((reply) => replies.push(reply));
      const places = [0, ...cuts.toSorted((a, b) => a - b), WIRE.length];
      for (const [index, from] of places.slice(0, -1).entries()) reader.read(WIRE.subarray(from, places[index + 1]));
      expect(replies.map(({ status, byteLength }) => [status, byteLength])).toEqual([
        [200, 5],
        [200, 13],
        [503, 4],
        [204, 0],
      ]);
      expect([replies[0]!.cacheStatus, replies[2]!.closes, replies[2]!.words]).toEqual(['plantain; hit', true, 'busy']);
    }),
  );
});
