import { account, authenticate, keyOf } from './accounting.ts';
import { app, listen, passOn } from './server.ts';

/**
 * The least that can be built of the same packages for what is promised of a hit: the caller's key is compared, the request
 * is known in whatever order its fields stand, and every answer has its headers, its line in the log and its counts in the
 * metrics. Nothing else: no limits, no dialect, no checks, no size, no policy, no time to live, no money saved.
 */
const answers = new Map<string, Buffer>();

app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, payload, done) => done(null, payload));
app.post('/*', async (request, reply) => {
  authenticate(request);
  const asked = request.body as string;
  const key = keyOf(asked);
  let answer = answers.get(key);
  if (answer === undefined) {
    const { body } = await passOn(request, Buffer.from(asked));
    answer = Buffer.from(await body.arrayBuffer());
    answers.set(key, answer);
  }
  account(reply, 'hit', asked.length, answer.length);
  return reply.send(answer);
});
await listen();
