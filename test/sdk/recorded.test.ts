import { request as send } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { eventsIn } from '../support/events.ts';
import { sizeIn } from './pictures.ts';
import { ANTHROPIC_NODE, ANTHROPIC_PYTHON } from './recorded/anthropic.ts';
import { AI_SDK } from './recorded/ai-sdk.ts';
import { GENAI_NODE } from './recorded/genai-node.ts';
import { GENAI_PYTHON } from './recorded/genai-python.ts';
import { OPENAI_NODE } from './recorded/openai-node.ts';
import { OPENAI_PYTHON } from './recorded/openai-python.ts';
import type { Recorded } from './recorded/request.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** The reply as far as any client reads it. */
interface Reply {
  readonly data?: readonly { readonly b64_json?: string; readonly url?: string }[];
  readonly choices?: readonly {
    readonly message: { readonly images?: readonly { readonly image_url: { readonly url: string } }[] };
  }[];
  readonly object?: string;
  readonly id?: string;
  readonly models?: readonly unknown[];
  readonly files?: readonly unknown[];
  readonly name?: string;
  readonly totalTokens?: number;
  readonly candidates?: readonly {
    readonly content: {
      readonly parts: readonly { readonly thought?: boolean; readonly inlineData?: { readonly data: string } }[];
    };
  }[];
  readonly content?: readonly { readonly type: string; readonly source?: { readonly data: string } }[];
  readonly input_tokens?: number;
  readonly error?: Readonly<Record<string, unknown>>;
}

interface Heard {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly reply: Reply;
}

/** Sends it as it was recorded: the names in their spelling and order, the body byte for byte. */
async function replay({ line, headers, body }: Recorded): Promise<Heard> {
  const [method = '', path = ''] = line.split(' ');
  const { hostname, port, host } = new URL(gateway.url);
  const bytes = body === undefined ? null : Buffer.from(body, 'latin1');
  const all = [['host', host], ...headers, ...(bytes === null ? [] : [['content-length', String(bytes.length)]])];
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    send({ hostname, port, method, path, headers: all.flat() }, resolve).once('error', reject).end(bytes);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isStream = incoming.headers['content-type']?.startsWith('text/event-stream');
  const reply = text === '' ? {} : isStream ? gathered(text) : (JSON.parse(text) as Reply);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, reply };
}

/** What a client has of a stream in the end. */
function gathered(text: string): Reply {
  const events = eventsIn(text, text.includes('\r\n') ? '\r\n' : '\n').map(({ data }) => data);
  const completed = events.filter(({ type }) => type?.endsWith('.completed'));
  const candidates = events.flatMap((data) => data.candidates ?? []);
  const said = candidates.map(({ content }) => ({ content: { parts: content?.parts ?? [] } }));
  return completed.length > 0 ? { data: completed } : { candidates: said };
}

/** Each as base64; links are followed. */
async function picturesIn({ data, choices, candidates, content }: Reply): Promise<readonly (string | undefined)[]> {
  if (content !== undefined) return content.flatMap(({ type, source }) => (type === 'image' ? [source?.data] : []));
  if (choices !== undefined)
    return choices.flatMap(({ message }) => message.images?.map(({ image_url }) => image_url.url.split(',')[1]));
  if (data !== undefined)
    return Promise.all(data.map(async ({ b64_json, url }) => (url === undefined ? b64_json : fetched(url))));
  const parts = candidates?.flatMap(({ content }) => content.parts) ?? [];
  return parts.flatMap(({ thought, inlineData }) => (inlineData && thought !== true ? [inlineData.data] : []));
}

async function fetched(url: string): Promise<string> {
  return Buffer.from(await (await fetch(url)).arrayBuffer()).toString('base64');
}

describe.each([
  { client: 'openai for JavaScript', recorded: OPENAI_NODE },
  { client: 'openai for Python', recorded: OPENAI_PYTHON },
  { client: 'AI SDK', recorded: AI_SDK },
  { client: '@google/genai for JavaScript', recorded: GENAI_NODE },
  { client: 'google-genai for Python', recorded: GENAI_PYTHON },
  { client: '@anthropic-ai/sdk for JavaScript', recorded: ANTHROPIC_NODE },
  { client: 'anthropic for Python', recorded: ANTHROPIC_PYTHON },
])('what $client was seen to send', ({ recorded }) => {
  test.each(recorded)('$name: $expected.status in its own dialect', async (request) => {
    const { expected } = request;
    const { status, headers, reply } = await replay(request);
    expect(reply.error?.message ?? '').toMatch('says' in expected ? expected.says : /^$/);
    expect(status).toBe(expected.status);
    if ('says' in expected) {
      const envelopes = {
        openai: { type: 'invalid_request_error', code: expect.any(String) },
        gemini: {
          code: status,
          status: { 400: 'INVALID_ARGUMENT', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND' }[expected.status],
        },
        claude: { type: status === 404 ? 'not_found_error' : 'invalid_request_error' },
      };
      expect(reply.error).toMatchObject(envelopes[expected.dialect]);
    } else if ('uploadIsActive' in expected) {
      expect(headers['x-goog-upload-status']).toBe('active');
      expect(headers['x-goog-upload-url']).toContain('upload_id=');
    } else if ('files' in expected) {
      expect(reply.files ?? []).toHaveLength(expected.files);
    } else if ('tokens' in expected) {
      expect(reply.input_tokens ?? reply.totalTokens).toBe(expected.tokens);
    } else if ('models' in expected) {
      const names = expected.dialect === 'gemini' ? (reply.models ?? [reply.name]) : (reply.data ?? [reply.id]);
      expect(names.filter(Boolean)).toHaveLength(expected.models);
    } else {
      const answered = { openai: reply.data ?? reply.choices, gemini: reply.candidates, claude: reply.content };
      expect(answered[expected.dialect]).toBeDefined();
      expect(await Promise.all((await picturesIn(reply)).map(sizeIn))).toEqual(expected.pictures);
    }
  });
});
