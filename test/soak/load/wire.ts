import { KEYS } from '../config.ts';
import type { Dialect, Shape } from './answers.ts';
import type { Ask, Kind } from './asks.ts';

/** One HTTP request as it is sent, and what may be expected of it. */
export interface Wire {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** As the gateway's metrics name it. */
  readonly route: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  readonly dialect: Dialect;
  readonly shape: Shape;
}

/** As what a picture is drawn: kinds with the same word have one picture between them. Absent: none is drawn. */
const FAMILIES: Partial<Record<Kind, string>> = {
  images: 'images',
  'images bare': 'images',
  'images link': 'images',
  'images task': 'images',
  gemini: 'images',
  'gemini events': 'images',
  'images stream': 'drafts',
  'gemini array': 'thoughts',
  'edit json': 'edit',
  'edit form': 'edit',
  file: 'edit',
  big: 'big',
  chat: 'words',
  'chat stream': 'words',
  'chat turns': 'words',
  responses: 'words',
  'responses stream': 'words',
  claude: 'words',
  'claude stream': 'words',
  openrouter: 'openrouter',
  'openrouter stream': 'openrouter',
};
/** Their prompt does not go up as it is: on the bill they cannot be told apart. */
const NAMELESS: ReadonlySet<Kind> = new Set<Kind>(['edit mask', 'variation']);
const BOUNDARY = 'soak';

/** Of what has a prompt that is no subject's. */
export const NAMELESS_TAGS = 'bill=other';

/** What the ledger is told of a request, by which its rows are held against the bill. `once`: what is to be paid for once. */
export function tagsOf({ kind, subject, cacheWish, isIdempotent }: Ask): string {
  const family = FAMILIES[kind];
  // A key may have an entry of its own, beside that of who asks without one.
  const isOrdinary = !isIdempotent && (cacheWish === '' || cacheWish === 'max-age=600');
  const isOnce = family !== undefined && subject.seed !== null && isOrdinary;
  const bill = NAMELESS.has(kind) ? 'other' : subject.id;
  return `bill=${bill}${isOnce ? `,once=${subject.id}.${family}.${subject.n}` : ''}`;
}

export interface JsonWire {
  readonly dialect?: Dialect;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A POST of JSON; its path may have a query. In OpenAI's words unless it says otherwise. */
export function json(
  ask: Ask,
  path: string,
  body: unknown,
  shape: Shape,
  { dialect = 'openai', headers }: JsonWire = {},
): Wire {
  return {
    method: 'POST',
    path,
    route: routeOf(path),
    headers: { ...headersOf(ask), 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify(body)),
    dialect,
    shape,
  };
}

/** A POST of a form. */
export function form(
  ask: Ask,
  path: string,
  fields: Readonly<Record<string, string | number>>,
  files: Readonly<Record<string, Buffer>>,
): Wire {
  const part = (disposition: string, bytes: Buffer): Buffer[] => [
    Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ];
  const body = Buffer.concat([
    ...Object.entries(fields).flatMap(([name, value]) => part(`name="${name}"`, Buffer.from(String(value)))),
    ...Object.entries(files).flatMap(([name, bytes]) => part(`name="${name}"; filename="${name}.png"`, bytes)),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
  const headers = { ...headersOf(ask), 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  return { method: 'POST', path, route: routeOf(path), headers, body, dialect: 'openai', shape: 'images' };
}

/** What has no body. */
export function bare(ask: Ask, method: 'GET' | 'DELETE', path: string, route: string, shape: Shape): Wire {
  const headers = { authorization: `Bearer ${KEYS[ask.subject.tenant]}` };
  return { method, path, route, headers, body: null, dialect: 'openai', shape };
}

/** What becomes of a task, told when it has ended or in three seconds. */
export function task(ask: Ask, method: 'GET' | 'DELETE', path: string): Wire {
  const wire = bare(ask, method, path, '/v1/images/tasks/{id}', 'task');
  return { ...wire, headers: { ...wire.headers, prefer: 'wait=3' } };
}

function headersOf(ask: Ask): Record<string, string> {
  return {
    authorization: `Bearer ${KEYS[ask.subject.tenant]}`,
    'x-plantain-tags': tagsOf(ask),
    ...(ask.isIdempotent && ask.kind in FAMILIES && { 'idempotency-key': `${ask.kind} of ${ask.subject.id}` }),
    ...(ask.cacheWish !== '' && { 'cache-control': ask.cacheWish }),
  };
}

function routeOf(path: string): string {
  return path.replace(/\?.*$/, '').replace(/\/models\/[^/:]+:/, '/models/{model}:');
}
