import Anthropic from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic-0';
import { KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { impatient } from './impatient.ts';

/** Both generations: the newer sends the key as Bearer and API version 2026-10-21, the older x-api-key and 2023-06-01. */
export const GENERATIONS = [
  { generation: '1.x', Client: Anthropic },
  // What is used here is the same in both; their types differ in private members alone.
  { generation: '0.x', Client: Anthropic0 as unknown as typeof Anthropic },
] as const;

export type Client = (typeof GENERATIONS)[number]['Client'];

/** The SDK's types know Claude's own fields; its callers may send any. */
export type Params = Partial<Anthropic.MessageCreateParamsNonStreaming> & Readonly<Record<string, unknown>>;

export const FLASH = 'gemini-3.1-flash-image';

/** A whole request around what a test is about. */
export function paramsOf(params: Params): Anthropic.MessageCreateParamsNonStreaming {
  return { model: FLASH, max_tokens: 1024, messages: [{ role: 'user', content: 'a fox' }], ...params };
}

interface Picture {
  readonly type: 'image';
  readonly source: { readonly type: 'base64'; readonly media_type: 'image/png'; readonly data: string };
}

/** The pictures of a message: the SDK's types have no such block, and its objects do. */
export function picturesOf({ content }: Pick<Anthropic.Message, 'content'>): readonly Picture[] {
  const blocks: readonly { readonly type: string }[] = content;
  return blocks.filter((block): block is Picture => block.type === 'image');
}

export function textOf({ content }: Pick<Anthropic.Message, 'content'>): string {
  return content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
}

/** One call through the SDK as it comes, retries and all: its error, and what was sent where on the way. */
export async function failure(
  gateway: TestGateway,
  Client: Client,
  params: Params,
  { apiKey = KEY, headers = {} }: { readonly apiKey?: string; readonly headers?: Record<string, string> } = {},
) {
  const network = impatient();
  const before = gateway.simulator.calls.length;
  const client = new Client({ apiKey, baseURL: gateway.url, fetch: network.fetch });
  const error: unknown = await client.messages.create(paramsOf(params), { headers }).then(
    () => new Error('a picture came'),
    (error: unknown) => error,
  );
  if (!(error instanceof Client.APIError)) throw error;
  return { error, seen: network.seen, upstreamCalls: gateway.simulator.calls.length - before };
}
