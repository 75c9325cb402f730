import { KEY } from '../../support/gateway.ts';
import { form } from '../recorded/request.ts';

// What clients in the wild put on the wire, written down from their published sources: bodies and headers, not their order.

export interface Sent {
  /** Of the client, and what its user did. */
  readonly name: string;
  /** Method and target. */
  readonly line: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly expected: Expected;
}

/** Once the path is served. */
export type Expected =
  /** How many pictures come, wherever the dialect puts them; each as bytes or as a link. */
  | { readonly pictures: number; readonly as?: 'link' }
  /** The list of models, or one of them. */
  | { readonly models: 'openai' | 'gemini' }
  /** A 400 whose message is like this. */
  | { readonly refused: RegExp };

export const BEARER = { authorization: `Bearer ${KEY}` };
export const JSON_TYPE = { 'content-type': 'application/json' };
export const GENERATIONS = '/v1/images/generations';
export const EDITS = '/v1/images/edits';
export const CHAT = '/v1/chat/completions';
export const RESPONSES = '/v1/responses';
export const PREVIEW = 'gemini-3.1-flash-image-preview';

/** A POST of JSON. What is undefined is left out, as every client does. */
export function post(
  name: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: object,
  expected: Expected,
): Sent {
  return { name, line: `POST ${path}`, headers: { ...headers, ...JSON_TYPE }, body: JSON.stringify(body), expected };
}

/** A POST of a form; files are one small PNG each. */
export function postForm(
  name: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  fields: Parameters<typeof form>[1],
  expected: Expected,
): Sent {
  const { type, body } = form('----wild-boundary-0123456789', fields);
  return { name, line: `POST ${path}`, headers: { ...headers, [type[0]]: type[1] }, body, expected };
}

export function get(name: string, path: string, headers: Readonly<Record<string, string>>, expected: Expected): Sent {
  return { name, line: `GET ${path}`, headers, expected };
}
