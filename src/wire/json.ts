import type { LongString } from './long-string.ts';
/** A parsed JSON value whose long strings were set aside as views on the received bytes. */
export type Json = null | boolean | number | string | LongString | Json[] | JsonObject;
export interface JsonObject { [key: string]: Json }
