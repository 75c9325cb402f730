import { checkPicture } from '../../../src/image/picture.ts';
import { readStream } from './streams.ts';

export type Dialect = 'openai' | 'openrouter' | 'google' | 'claude';

/** In what a 200 is wrapped. */
export type Shape =
  | 'images'
  | 'images stream'
  | 'bare'
  | 'link'
  | 'task'
  | 'chat'
  | 'chat stream'
  | 'responses'
  | 'responses stream'
  | 'claude'
  | 'claude stream'
  | 'gemini'
  | 'gemini events'
  | 'gemini array'
  | 'quote'
  | 'count'
  | 'file'
  | 'json'
  | 'error';

export interface Heard {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** What an answer was: `faults` are the promises it broke, in words. */
export interface Verdict {
  readonly outcome: 'pictures' | 'refusal' | 'failure in the stream' | 'error' | 'begun' | 'told';
  readonly pictures: number;
  readonly faults: readonly string[];
  /** The words of JSON, where it was read whole. */
  readonly words: unknown;
}

/** As prompts begin: `load/asks.ts`. */
const SUBJECTS = /soak [\w.-]+: (s\d+),/g;

/** Reads an answer as its caller's SDK would, and walks its pictures to their end. Throws nothing. */
export async function judgeAnswer(heard: Heard, dialect: Dialect, shape: Shape, subject: string): Promise<Verdict> {
  const faults: string[] = [];
  const said = `${heard.status} ${heard.body.subarray(0, 300).toString('latin1')}`;
  if (!/^req_[0-9a-f]{32}$/.test(String(heard.headers['x-request-id']))) faults.push(`no x-request-id: ${said}`);
  // The vendor says what it was asked for, where it says anything: what another asked for is another's picture.
  for (const [, whose] of heard.body.toString('latin1').matchAll(SUBJECTS))
    if (whose !== subject) faults.push(`the answer to ${whose} for ${subject}`);
  const length = heard.headers['content-length'];
  if (length !== undefined && Number(length) !== heard.body.length)
    faults.push(`content-length ${String(length)}, and ${heard.body.length} bytes`);
  try {
    if (heard.status >= 400)
      return { outcome: 'error', pictures: 0, words: null, faults: [...faults, ...wrongs(heard, dialect)] };
    if (shape === 'error') faults.push(`an answer where an error was due: ${said}`);
    const read = readAs(heard, shape);
    for (const picture of read.pictures) await checkPicture(picture);
    if (read.outcome === 'pictures' && read.pictures.length === 0) faults.push(`a 200 without a picture: ${said}`);
    return { outcome: read.outcome, pictures: read.pictures.length, words: read.words, faults };
  } catch (error) {
    return { outcome: 'told', pictures: 0, words: null, faults: [...faults, `${String(error)} in ${shape}: ${said}`] };
  }
}

interface Read {
  readonly outcome: Verdict['outcome'];
  readonly pictures: readonly Buffer[];
  readonly words: unknown;
}

function readAs({ body, status }: Heard, shape: Shape): Read {
  if (shape === 'bare') return { outcome: 'pictures', pictures: [body], words: null };
  const text = body.toString('utf8');
  if (shape.endsWith('stream') || shape === 'gemini events' || shape === 'gemini array') return readEvents(text, shape);
  const words: unknown = JSON.parse(text);
  if (shape === 'task') return readTask(words, status);
  if (shape === 'link') return readLinks(words);
  if (shape === 'quote' || shape === 'count' || shape === 'file' || shape === 'json')
    return { outcome: 'told', pictures: [], words };
  return { ...readWords(words), words };
}

function readTask(words: unknown, status: number): Read {
  const {
    status: state,
    response,
    error,
    deleted,
  } = words as {
    readonly status?: string;
    readonly response?: unknown;
    readonly error?: unknown;
    readonly deleted?: boolean;
  };
  if (deleted === true) return { outcome: 'told', pictures: [], words };
  // What is there already is answered at once.
  if (state === undefined && status === 200) return { ...readWords(words), words };
  if (status === 202 || state === 'in_progress') return { outcome: 'begun', pictures: [], words };
  if (state === 'completed') return { ...readWords(response), words };
  if (state === 'failed' && typeof error === 'object' && error !== null)
    return { outcome: 'error', pictures: [], words };
  if (state === 'cancelled') return { outcome: 'told', pictures: [], words };
  throw new Error(`a task in no known state (${state ?? 'none'})`);
}

/** What is drawn is told at the end of a stream; if there is anything to be seen, drafts were. */
function readEvents(text: string, shape: Shape): Read {
  const { pieces, failed } = readStream(text, shape);
  const read = readWords(pieces);
  return { outcome: failed ? 'failure in the stream' : read.outcome, pictures: read.pictures, words: pieces };
}

function readLinks(words: unknown): Read {
  const { data } = words as { readonly data?: readonly { readonly url?: unknown }[] };
  if (data === undefined || data.length === 0 || data.some(({ url }) => typeof url !== 'string'))
    throw new Error('no links');
  return { outcome: 'told', pictures: [], words };
}

function readWords(words: unknown): Omit<Read, 'words'> {
  const pictures = picturesIn(words);
  return { outcome: pictures.length === 0 && refuses(words) ? 'refusal' : 'pictures', pictures };
}

/** Refusals that are no errors: the model's, in conversations, and whatever the vendor says to callers of its own. */
function refuses(words: unknown): boolean {
  const text = JSON.stringify(words, (_, value: unknown) => (typeof value === 'string' ? value.slice(0, 200) : value));
  return /"(?:finish_reason":"content_filter|stop_reason":"refusal|blockReason":"[A-Z_]+|finishReason":"[A-Z_]+|refusal":"|reason":"content_filter)/.test(
    text,
  );
}

/** Every picture of an answer, whoever's words it is in. Drafts are among them: they are checked like any other. */
function picturesIn(words: unknown): readonly Buffer[] {
  const found: Buffer[] = [];
  const seen = new Set<string>();
  const take = (base64: unknown): void => {
    if (typeof base64 !== 'string' || base64.length < 64 || seen.has(base64)) return;
    seen.add(base64);
    found.push(Buffer.from(base64, 'base64'));
  };
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (name === 'b64_json' || name === 'partial_image_b64') take(inner);
      else if (name === 'result' && 'type' in value && value.type === 'image_generation_call') take(inner);
      else if (name === 'data' && typeof inner === 'string' && ('mimeType' in value || 'media_type' in value))
        take(inner);
      else if (name === 'url' && typeof inner === 'string') take(/^data:image\/[a-z]+;base64,(.*)$/s.exec(inner)?.[1]);
      else walk(inner);
    }
  };
  walk(words);
  return found;
}

/** What is wrong with an envelope. */
function wrongs({ status, headers, body }: Heard, dialect: Dialect): string[] {
  const text = body.toString('utf8');
  const about = `in the ${dialect} envelope of ${status}: ${text.slice(0, 300)}`;
  const faults: string[] = [];
  const expect = (isSo: boolean, what: string): void => void (isSo || faults.push(`${what} ${about}`));
  expect(String(headers['content-type']).startsWith('application/json'), 'no JSON');
  expect(/^(true|false)$/.test(String(headers['x-should-retry'])), 'no x-should-retry');
  expect(!/\bat \w+ \(|node:internal|\.ts:\d+|node_modules/.test(text), 'something of our inside');
  const whole: unknown = JSON.parse(text);
  const words = (Array.isArray(whole) ? whole[0] : whole) as { readonly type?: unknown; readonly error?: unknown };
  const error = words.error as Readonly<Record<string, unknown>> | undefined;
  if (error === undefined) return [...faults, `no error ${about}`];
  expect(typeof error['message'] === 'string' && error['message'] !== '', 'no message');
  if (dialect === 'google') {
    expect(error['code'] === status, 'another code');
    expect(isWord(error['status'], /^[A-Z_]+$/), 'no status');
  } else if (dialect === 'openrouter') {
    expect(error['code'] === status, 'another code');
    const { reason } = (error['metadata'] ?? {}) as { readonly reason?: unknown };
    expect(isWord(reason, /^[a-z0-9_]+$/), 'no reason');
  } else if (dialect === 'claude') {
    expect(words.type === 'error' && isWord(error['type'], /^[a-z_]+$/), 'no type');
    expect(headers['request-id'] === headers['x-request-id'], 'no request-id');
  } else {
    expect(isWord(error['type'], /^[a-z_]+$/), 'no type');
    expect('code' in error, 'no code');
  }
  return faults;
}

function isWord(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}
