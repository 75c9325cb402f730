/** A request that is to be in the cache. */
export interface Wanted {
  /** In the file, from 1; of what is there several times, the first. */
  readonly line: number;
  readonly path: string;
  /** JSON. */
  readonly body: string;
}

const USUAL_PATH = '/v1/images/generations';
const MOST_TOLD = 10;

/**
 * Reads JSON Lines: on each a body of `/v1/images/generations`, or `{ "path": …, "body": … }`. Empty lines and repetitions are
 * left out. Throws an Error that names every bad line, or the first ten.
 */
export function readList(text: string): readonly Wanted[] {
  const wanted = new Map<string, Wanted>();
  const mistakes: string[] = [];
  for (const [index, words] of text.split('\n').entries()) {
    if (words.trim() === '') continue;
    const line = index + 1;
    const one = readLine(words);
    if (typeof one === 'string') mistakes.push(`line ${line}: ${one}`);
    else {
      const key = `${one.path}\n${one.body}`;
      if (!wanted.has(key)) wanted.set(key, { line, ...one });
    }
  }
  if (mistakes.length > 0) throw new Error(listOf(mistakes));
  if (wanted.size === 0) throw new Error('The file names no request.');
  return [...wanted.values()];
}

/** The first of them, and how many more there are. */
export function listOf(mistakes: readonly string[]): string {
  const more = mistakes.length - MOST_TOLD;
  return [...mistakes.slice(0, MOST_TOLD), ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function readLine(words: string): Omit<Wanted, 'line'> | string {
  let value: unknown;
  try {
    value = JSON.parse(words);
  } catch {
    return 'is not JSON';
  }
  if (!isObject(value)) return 'must be a JSON object';
  if (!('path' in value)) return { path: USUAL_PATH, body: JSON.stringify(value) };
  const { path, body, ...others } = value;
  const [stranger] = Object.keys(others);
  if (stranger !== undefined) return `beside path and body there is ${JSON.stringify(stranger.slice(0, 40))}`;
  if (typeof path !== 'string' || !/^\/[\w./:-]+$/.test(path)) return 'path must be one such as /v1/images/generations';
  if (!isObject(body)) return 'body must be the JSON object that is sent there';
  return { path, body: JSON.stringify(body) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
