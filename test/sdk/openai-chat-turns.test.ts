import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { sizeIn } from './pictures.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const client = () => new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 });

/** What comes in the text, or beside it. */
const base64In = (message: OpenAI.ChatCompletionMessage): string | undefined =>
  /data:[^,]*,([A-Za-z0-9+/=]*)/.exec(JSON.stringify(message))?.[1];

// The vendor refuses a picture of the model's own that comes back without its signature, which no client of OpenAI can carry.
test.each([
  ['beside the text', {}],
  ['in the text', { images_in: 'content' }],
  ['in another format', { output_format: 'png' }],
])('an answer goes back as it came and is changed, twice: its picture %s', async (_, fields) => {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'a fox' }];
  for (const wish of ['bluer', 'at night', null]) {
    const asked = { model: 'nano-banana-2', messages, image_size: '512', ...fields };
    const { data, response } = await client().chat.completions.create(asked).withResponse();
    expect(response.headers.get('x-plantain-warning')).toBeNull();
    const { message } = data.choices[0]!;
    expect(await sizeIn(base64In(message))).toBe('512x512');
    messages.push(message);
    if (wish !== null) messages.push({ role: 'user', content: wish });
  }
});
