import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { claude } from '../../../src/dialects/claude/dialect.ts';
import { parseRequest } from '../../../src/dialects/claude/request.ts';
import type { Events, StreamEvent } from '../../../src/dialects/dialect.ts';
import { GatewayError } from '../../../src/errors.ts';
import { splice } from '../../../src/wire/json.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { GENERATIONS, paramsOf } from '../../sdk/anthropic.ts';
import type { Client } from '../../sdk/anthropic.ts';
import { flash } from '../draws.ts';
import { call, delivered, JPEG } from './delivered.ts';

const body: JsonObject = {
  messages: [{ role: 'user', content: 'a fox' }],
  stream: true,
  thinking: { type: 'adaptive' },
};
const events = (): Events => claude.renderEvents!(parseRequest(body), { ...call, model: flash.id });
const dataOf = ({ data }: StreamEvent): JsonObject =>
  JSON.parse(Buffer.concat(splice(data).chunks).toString()) as JsonObject;

/** A server that tells these events as https://html.spec.whatwg.org/multipage/server-sent-events.html has them. */
async function telling<T>(
  told: readonly StreamEvent[],
  ask: (client: InstanceType<Client>) => Promise<T>,
  Client: Client,
) {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const each of told) response.write(`event: ${each.name}\ndata: ${JSON.stringify(dataOf(each))}\n\n`);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    return await ask(new Client({ apiKey: 'x', baseURL: `http://127.0.0.1:${port}`, maxRetries: 0 }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** What the same answer is in one piece. */
const whole = (): JsonObject =>
  JSON.parse(
    Buffer.concat(splice(claude.renderAnswer([delivered()], parseRequest(body), call, 50_000_000)).chunks).toString(),
  ) as JsonObject;

describe('an answer in events', () => {
  const answer = (): readonly StreamEvent[] => {
    const { begin, finish } = events();
    return [...begin(), ...finish([delivered()], 50_000_000)];
  };

  test('has each event’s name in its data, and every block with its index between its start and its stop', () => {
    const told = answer();
    for (const each of told) expect(dataOf(each).type).toBe(each.name);
    const places = told.map((each) => {
      const { index } = dataOf(each);
      return index === undefined ? each.name : `${each.name} ${Number(index)}`;
    });
    expect(places).toEqual([
      'ping',
      'message_start',
      'content_block_start 0',
      'content_block_delta 0',
      'content_block_delta 0',
      'content_block_stop 0',
      'content_block_start 1',
      'content_block_delta 1',
      'content_block_stop 1',
      'content_block_start 2',
      'content_block_stop 2',
      'content_block_start 3',
      'content_block_delta 3',
      'content_block_stop 3',
      'message_delta',
      'message_stop',
    ]);
  });

  test('begins with what the message has read and ends with what it wrote', () => {
    const told = answer().map(dataOf);
    expect(told[1]).toMatchObject({
      message: {
        content: [],
        stop_reason: null,
        model: flash.id,
        usage: { input_tokens: 22, output_tokens: 0, cost: 0.05 },
      },
    });
    expect(told.at(-2)).toMatchObject({
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { input_tokens: 22, output_tokens: 1395 },
    });
  });

  test('has no drafts', () => {
    expect(events().draft(delivered().picture)).toEqual([]);
  });

  describe.each(GENERATIONS)('read by @anthropic-ai/sdk $generation', ({ Client }) => {
    test('as raw events, keeps the picture whole in the event that begins its block', async () => {
      const types = await telling(
        answer(),
        async (client) => {
          const seen: JsonObject[] = [];
          for await (const each of await client.messages.create({ ...paramsOf({}), stream: true }))
            seen.push(each as unknown as JsonObject);
          return seen;
        },
        Client,
      );
      // The SDK passes over a ping.
      expect(types).toHaveLength(answer().length - 1);
      expect(types.find(({ index, type }) => index === 2 && type === 'content_block_start')).toMatchObject({
        content_block: { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: JPEG } },
      });
    });

    test('by its helper, is the message that it would have been in one piece', async () => {
      const message = await telling(answer(), (client) => client.messages.stream(paramsOf({})).finalMessage(), Client);
      expect(message).toMatchObject(whole());
    });

    test('a refusal is a message too', async () => {
      const { begin, fail } = events();
      const blocked = new GatewayError('blocked_output', 'The picture was blocked.', { costNanos: 1_000_000 });
      const told = [...begin(), ...fail(blocked)];
      const message = await telling(told, (client) => client.messages.stream(paramsOf({})).finalMessage(), Client);
      const { status, body: refusal } = claude.renderError(blocked, { ...call, model: flash.id });
      expect(status).toBe(200);
      expect(message).toMatchObject(refusal);
      expect(message).toMatchObject({ stop_reason: 'refusal', content: [{ text: 'The picture was blocked.' }] });
    });

    test('a failure on the way is the SDK’s error', async () => {
      const { begin, fail } = events();
      const told = [...begin(), ...fail(new GatewayError('upstream_failed', 'It broke.'))];
      const asked = telling(told, (client) => client.messages.stream(paramsOf({})).finalMessage(), Client);
      await expect(asked).rejects.toBeInstanceOf(Client.APIError);
      await expect(asked).rejects.toMatchObject({ error: { error: { type: 'api_error', message: 'It broke.' } } });
    });
  });
});
