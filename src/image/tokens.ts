import { splice } from '../wire/json.ts';
import type { Json } from '../wire/json.ts';
import type { Model } from './model.ts';
import type { ImageRequest } from './request.ts';

/** Tokens of a request before it is sent, by modality. */
export interface EstimatedTokens {
  readonly text: number;
  readonly image: number;
  readonly total: number;
}

/** The recorded prompts, which are English, have 4.3 to 4.6 bytes of UTF-8 to a token. */
const BYTES_PER_TOKEN = 4.5;

/**
 * What the vendor would count as the input of a request, without asking it. Recorded prompts come out within one token of
 * the vendor's count; code, and scripts with more than one byte to a letter, may be off by half. A picture counts what the
 * model's table says; a document counts as a picture, for its pages are not read; what its tools look up does not count.
 */
export function estimateTokens({ turns, system, tools }: ImageRequest, model: Model): EstimatedTokens {
  let bytes = 0;
  let pictures = 0;
  for (const { parts } of system === null ? turns : [system, ...turns])
    for (const part of parts) {
      if (part.kind === 'text') bytes += Buffer.byteLength(part.text);
      else if (part.kind === 'picture') pictures += 1;
      else bytes += splice(part.fields).byteLength;
    }
  const list: Json = [...tools];
  if (tools.length > 0) bytes += splice(list).byteLength;
  const text = Math.ceil(bytes / BYTES_PER_TOKEN);
  const image = pictures * model.referenceTokens;
  return { text, image, total: text + image };
}
