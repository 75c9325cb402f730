import fastify from 'fastify';
import type { FastifyRequest } from 'fastify';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { endWithWhoStarted } from './end.ts';

/** What all bounds begin with: a server, and a way to the vendor with a connection for each call, as the gateway has. */
const [vendorUrl = ''] = process.argv.slice(2);
const agent = new Agent({ pipelining: 0, connections: null });

export const app = fastify({ logger: false, bodyLimit: 1 << 30 });
app.removeAllContentTypeParsers();

export function passOn(
  request: FastifyRequest,
  body: Buffer | NodeJS.ReadableStream,
): Promise<Dispatcher.ResponseData> {
  return agent.request({
    origin: vendorUrl,
    path: request.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': request.headers['content-length'] },
    body: body as Buffer,
  });
}

/** Says where, and ends with whoever started it. */
export async function listen(): Promise<void> {
  process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
  endWithWhoStarted();
}
