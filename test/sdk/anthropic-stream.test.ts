import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { FLASH, GENERATIONS, paramsOf, picturesOf, textOf } from './anthropic.ts';
import type { Params } from './anthropic.ts';
import { sizeIn } from './pictures.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway.simulator.clearRules());
afterAll(() => gateway.close());

describe.each(GENERATIONS)('@anthropic-ai/sdk $generation', ({ generation, Client }) => {
  const client = () => new Client({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const asked = (params: Params = {}) => paramsOf({ image_size: '512', ...params });

  test('the stream helper’s last message is the one in one piece, and one entry with it', async () => {
    const before = gateway.simulator.calls.length;
    const params = asked({ seed: 1, messages: [{ role: 'user', content: `streamed ${generation}` }] });
    const streamed = await client().messages.stream(params).finalMessage();
    expect(await sizeIn(picturesOf(streamed)[0]?.source.data)).toBe('512x512');
    const { data: whole, response } = await client().messages.create(params).withResponse();
    expect(response.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    expect(streamed.content).toEqual(whole.content);
    expect(streamed).toMatchObject({ model: FLASH, stop_reason: 'end_turn', usage: { cost: 0.05 } });
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
    expect(gateway.simulator.calls).toHaveLength(before + 1);
  });

  test('raw events come under a request id, message_start first', async () => {
    const { data, response } = await client()
      .messages.create({ ...asked(), stream: true })
      .withResponse();
    const types: string[] = [];
    for await (const { type } of data) types.push(type);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(response.headers.get('request-id')).toMatch(/^req_[0-9a-f]{32}$/);
    expect(types.at(0)).toBe('message_start');
    expect(types.at(-1)).toBe('message_stop');
  });

  test('what its model will not draw is a refusal in events', async () => {
    gateway.simulator.rule({ fault: 'image-safety' });
    const message = await client().messages.stream(asked()).finalMessage();
    expect(message).toMatchObject({ model: FLASH, stop_reason: 'refusal' });
    expect(textOf(message)).toMatch(/IMAGE_SAFETY/);
  });

  test('what fails before anything is told is an ordinary error of its class', async () => {
    await expect(
      client()
        .messages.stream(asked({ image_size: '8K' }))
        .finalMessage(),
    ).rejects.toBeInstanceOf(Client.BadRequestError);
    gateway.simulator.rule({ fault: 'overloaded' });
    const failed = client().messages.stream(asked()).finalMessage();
    await expect(failed).rejects.toBeInstanceOf(Client.InternalServerError);
    await expect(failed).rejects.toMatchObject({ status: 529 });
  });
});
