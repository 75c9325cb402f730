import * as genai3 from '@google/genai';
import * as genai2 from 'genai-2';
import { KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import type { GoogleError } from '../support/wire.ts';

export const FLASH = 'gemini-3.1-flash-image';
export const PRO = 'gemini-3-pro-image';

/** The two lines of Google's SDK that are in use, and the API version each speaks when told nothing. */
export const SDKS = [
  { name: '@google/genai 3', version: 'v1', sdk: genai3 },
  // The same classes to a caller; only their private fields make them two types.
  { name: '@google/genai 2', version: 'v1beta', sdk: genai2 as unknown as typeof genai3 },
] as const;

export type Sdk = typeof genai3;

export function createClient(sdk: Sdk, baseUrl: string, httpOptions: genai3.HttpOptions = {}, apiKey = KEY) {
  return new sdk.GoogleGenAI({ apiKey, httpOptions: { baseUrl, ...httpOptions } });
}

/** What was answered, drafts apart. */
export function partsOf(reply: genai3.GenerateContentResponse): readonly genai3.Part[] {
  return (reply.candidates?.[0]?.content?.parts ?? []).filter(({ thought }) => thought !== true);
}

export function pictureOf(reply: genai3.GenerateContentResponse): string | undefined {
  return partsOf(reply).find(({ inlineData }) => inlineData)?.inlineData?.data;
}

export interface Asked {
  readonly contents?: string;
  readonly model?: string;
  readonly config?: genai3.GenerateContentConfig;
  readonly apiKey?: string;
  readonly httpOptions?: genai3.HttpOptions;
}

/** One call through the SDK as it comes: its error, Google's envelope inside it, and how often the vendor was asked. */
export async function failure(
  gateway: TestGateway,
  sdk: Sdk,
  { contents = 'x', model = FLASH, config = {}, apiKey = KEY, httpOptions = {} }: Asked,
) {
  const before = gateway.simulator.calls.length;
  const ai = createClient(sdk, gateway.url, httpOptions, apiKey);
  const error: unknown = await ai.models.generateContent({ model, contents, config }).then(
    () => new Error('an answer came'),
    (error: unknown) => error,
  );
  return { ...read(sdk, error), upstreamCalls: gateway.simulator.calls.length - before };
}

/** The SDK's message is the body: so it can be read as well as shown. */
export function read(
  sdk: Sdk,
  error: unknown,
): { readonly thrown: genai3.ApiError; readonly said: GoogleError['error'] } {
  if (!(error instanceof sdk.ApiError)) throw error;
  return { thrown: error, said: (JSON.parse(error.message) as GoogleError).error };
}
