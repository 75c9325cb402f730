import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { byteLength, halfOf, rawHead, sendChunked, writeSliced } from '../exchange.ts';
import type { Exchange } from '../exchange.ts';
import type { FaultSpec } from './fault.ts';

const LONG_MS = 600_000;
const BLOCK_BYTES = 65_536;

/** Writes to the socket past node:http, and ends it: nothing sensible can follow on it. */
function raw(exchange: Exchange, head: string, body: readonly Uint8Array[]): void {
  const { socket } = exchange.request;
  socket.write(head, 'latin1');
  for (const chunk of body) socket.write(chunk);
  socket.end();
}

function jsonHead(exchange: Exchange, ...headers: string[]): string {
  const type = `content-type: ${exchange.payload.headers['content-type']}`;
  return rawHead(`${exchange.payload.status} OK`, [type, ...headers]);
}

function relabelled(headers: Readonly<Record<string, string>>): NonNullable<FaultSpec['send']> {
  return ({ response, payload }) => sendChunked(response, { ...payload, headers: { ...payload.headers, ...headers } });
}

async function gzipped({ payload }: Exchange, times: number): Promise<Buffer> {
  let bytes = Buffer.concat(payload.chunks);
  for (let time = 0; time < times; time++) bytes = Buffer.from(await promisify(gzip)(bytes, { level: 1 }));
  return bytes;
}

/** Good replies, badly sent. All are billed: the vendor did its part. */
export const TRANSPORT = {
  slow: { description: 'the right answer, ten seconds late', delayMs: 10_000 },
  'slow-headers': {
    description: 'no answer at all for ten minutes, then the end',
    send: async (exchange) => {
      await exchange.hold(LONG_MS);
      exchange.request.socket.destroy();
    },
  },
  'stall-body': {
    description: 'half an answer, then silence for ten minutes, then the end',
    send: async (exchange) => {
      const { response, payload } = exchange;
      response.writeHead(payload.status, payload.headers);
      writeSliced(response, halfOf(payload.chunks));
      await exchange.hold(LONG_MS);
      exchange.request.socket.destroy();
    },
  },
  'truncate-length': {
    description: 'half of what Content-Length says, then FIN',
    send: (exchange) => {
      const { chunks } = exchange.payload;
      raw(exchange, jsonHead(exchange, `content-length: ${byteLength(chunks)}`), halfOf(chunks));
    },
  },
  'truncate-chunked': {
    description: 'half an answer in chunks without the last one, then FIN',
    send: (exchange) => {
      const half = halfOf(exchange.payload.chunks);
      const size = Buffer.from(`${byteLength(half).toString(16)}\r\n`);
      raw(exchange, jsonHead(exchange, 'transfer-encoding: chunked'), [size, ...half, Buffer.from('\r\n')]);
    },
  },
  'truncate-close': {
    description: 'half an answer whose only end is the end of the connection: no client can tell',
    send: (exchange) => raw(exchange, jsonHead(exchange, 'connection: close'), halfOf(exchange.payload.chunks)),
  },
  reset: {
    description: 'RST in the middle of an answer',
    send: async (exchange) => {
      const { socket } = exchange.request;
      const { chunks } = exchange.payload;
      socket.write(jsonHead(exchange, `content-length: ${byteLength(chunks)}`), 'latin1');
      for (const chunk of halfOf(chunks)) socket.write(chunk);
      await exchange.hold(20);
      socket.resetAndDestroy();
    },
  },
  hangup: {
    description: 'FIN before a byte of an answer',
    send: (exchange) => void exchange.request.socket.end(),
  },
  huge: {
    description: 'an answer without an end, as fast as the client reads it, for ten minutes at most',
    send: async (exchange) => {
      const { response, payload, request } = exchange;
      const over = exchange.hold(LONG_MS).then(() => request.socket.destroy());
      const block = Buffer.alloc(BLOCK_BYTES, 'A');
      response.writeHead(payload.status, payload.headers);
      response.write('{"candidates":[{"content":{"parts":[{"inlineData":{"data":"');
      const fill = (): void => {
        while (!request.socket.destroyed && response.write(block));
      };
      response.on('drain', fill);
      fill();
      await over;
    },
  },
  'wrong-content-type': {
    description: 'the right answer, labelled text/plain',
    send: relabelled({ 'content-type': 'text/plain; charset=utf-8' }),
  },
  'big-headers': {
    description: 'the right answer behind 128 KB of headers',
    send: (exchange) => {
      const padding = Array.from({ length: 16 }, (_, index) => `x-padding-${index}: ${'p'.repeat(8192)}`);
      const { chunks } = exchange.payload;
      raw(exchange, jsonHead(exchange, ...padding, `content-length: ${byteLength(chunks)}`), chunks);
    },
  },
  'double-length': {
    description: 'two different Content-Length headers',
    send: (exchange) => {
      const { chunks } = exchange.payload;
      const length = byteLength(chunks);
      raw(exchange, jsonHead(exchange, `content-length: ${length}`, `content-length: ${length + 7}`), chunks);
    },
  },
  'short-length': {
    description: 'a Content-Length smaller than the body',
    send: (exchange) => {
      const { chunks } = exchange.payload;
      raw(exchange, jsonHead(exchange, `content-length: ${byteLength(chunks) - 100}`), chunks);
    },
  },
  'bare-cr': {
    description: 'a header with a bare CR in it',
    send: (exchange) => {
      const { chunks } = exchange.payload;
      raw(exchange, jsonHead(exchange, 'x-bare: a\rb: c', `content-length: ${byteLength(chunks)}`), chunks);
    },
  },
  garbage: {
    description: 'bytes that are no HTTP',
    send: (exchange) => raw(exchange, '\x16\x03\x01 this is no HTTP at all\r\n\r\n', []),
  },
  'extra-response': {
    description: 'the right answer, and a second one nobody asked for on the same connection',
    send: (exchange) => {
      const { response, payload, request } = exchange;
      const poison = '{"candidates":[],"poisoned":true}';
      const head = rawHead('200 OK', ['content-type: application/json', `content-length: ${poison.length}`]);
      response.on('finish', () => setImmediate(() => request.socket.write(head + poison)));
      sendChunked(response, payload);
    },
  },
  gzip: {
    description: 'the right answer, compressed though nobody asked for it',
    send: async (exchange) => {
      const chunks = [await gzipped(exchange, 1)];
      const headers = { ...exchange.payload.headers, 'content-encoding': 'gzip' };
      sendChunked(exchange.response, { ...exchange.payload, headers, chunks });
    },
  },
  'stacked-encodings': {
    description: 'the right answer, compressed ten times over',
    send: async (exchange) => {
      const chunks = [await gzipped(exchange, 10)];
      const headers = { ...exchange.payload.headers, 'content-encoding': Array(10).fill('gzip').join(', ') };
      sendChunked(exchange.response, { ...exchange.payload, headers, chunks });
    },
  },
} as const satisfies Record<string, FaultSpec>;
