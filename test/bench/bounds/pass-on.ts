import fastify from 'fastify';
import { Agent } from 'undici';

/**
 * The least that can be built of the same packages: Fastify takes a request, undici passes it on over a connection of its
 * own, and the reply goes back as it comes. No key, no money, no look at the picture. What of a proxy written in C cannot be
 * reached by this cannot be reached by a gateway on top of it.
 */
const [vendorUrl = ''] = process.argv.slice(2);
const agent = new Agent({ pipelining: 0, connections: null });
const app = fastify({ logger: false, bodyLimit: 1 << 30 });
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
app.removeContentTypeParser('application/json');
app.post('/*', async (request, reply) => {
  const answer = await agent.request({
    origin: vendorUrl,
    path: request.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': request.headers['content-length'] },
    body: request.body as NodeJS.ReadableStream as never,
  });
  return reply
    .code(answer.statusCode)
    .headers({ 'content-type': 'application/json', 'content-length': answer.headers['content-length'] })
    .send(answer.body);
});
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
process.once('disconnect', () => process.exit());
