import * as genai3 from '@google/genai';
import * as genai2 from 'genai-2';
import { KEY } from '../support/gateway.ts';

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
