import { GatewayError } from '../errors.ts';
import type { ImageRequest } from './request.ts';

const PLACE = /^contents(?:\[\d+\]\.parts\[\d+\])?/;

/** A failure about a place in Gemini's request as one about the field that the caller wrote. */
export function inWordsOf({ places }: ImageRequest, error: unknown): unknown {
  if (!(error instanceof GatewayError) || places === undefined) return error;
  const { param } = error.detail;
  const place = param === undefined ? null : PLACE.exec(param)?.[0];
  const spelt = place == null ? undefined : places.get(place);
  if (param === undefined || spelt === undefined) return error;
  const message = error.message.replaceAll(param, spelt);
  return new GatewayError(error.failure, message, { ...error.detail, param: spelt }, error.cause);
}
