import OpenAI from 'openai';
import { KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { impatient } from './impatient.ts';

/** The SDK's types know OpenAI's own fields; its callers may send any. */
export type Params = OpenAI.ImageGenerateParamsNonStreaming & Readonly<Record<string, unknown>>;

/** One call through the SDK as it comes, retries and all: its error, and what was sent where on the way. */
export async function failure(
  gateway: TestGateway,
  params: Params,
  { apiKey = KEY, headers = {} }: { readonly apiKey?: string; readonly headers?: Record<string, string> } = {},
) {
  const network = impatient();
  const before = gateway.simulator.calls.length;
  const client = new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, fetch: network.fetch });
  const error: unknown = await client.images.generate(params, { headers }).then(
    () => new Error('a picture came'),
    (error: unknown) => error,
  );
  if (!(error instanceof OpenAI.APIError)) throw error;
  return { error, seen: network.seen, upstreamCalls: gateway.simulator.calls.length - before };
}
