import { app, listen, passOn } from './server.ts';

/**
 * The least that can be built of the same packages: Fastify takes a request, undici passes it on, and the reply goes back as
 * it comes. No key, no money, no look at the picture.
 */
app.addContentTypeParser('application/json', (_request, payload, done) => done(null, payload));
app.post('/*', async (request, reply) => {
  const answer = await passOn(request, request.body as NodeJS.ReadableStream);
  return reply
    .code(answer.statusCode)
    .headers({ 'content-type': 'application/json', 'content-length': answer.headers['content-length'] })
    .send(answer.body);
});
await listen();
