import { LongString } from './long-string.ts';

/** A JSON value whose long strings were set aside as views on the received bytes. */
export type Json = null | boolean | number | string | LongString | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** An object of JSON: no array, no LongString, not null. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LongString);
}
