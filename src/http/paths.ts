import { LINKED_PATH } from '../cache/links.ts';
import type { Asked, Dialect, Route } from '../dialects/dialect.ts';

/** Where models are listed, in the dialect of whoever asks. */
export const MODEL_PATHS = ['/v1/models', '/v1beta/models', '/v1beta/openai/models', '/models'] as const;

/** Where a request is priced, of whatever dialect `?for=` names the path. */
export const QUOTE_PATHS = ['/v1/quote', '/v1beta/quote', '/quote'] as const;

/** Where a caller learns what it can ask for. */
export const CAPABILITY_PATHS = ['/v1/capabilities', '/v1beta/capabilities', '/capabilities'] as const;

/** The dialect a call speaks: the first that knows its own marks in it. */
export function dialectOf(asked: Asked, dialects: readonly Dialect[]): Dialect {
  const plain = { ...asked, path: plainPath(asked.path) };
  const spoken = dialects.find((dialect) => dialect.recognises(plain));
  if (spoken === undefined) throw new Error('no dialect is registered that recognises every call');
  return spoken;
}

/**
 * A request target as path and query; the query may hold a key and goes no further than who needs it. A proxy's form of
 * the target, with scheme and host, is read too: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
 */
export function splitUrl(target: string): { readonly path: string; readonly query: string } {
  const [whole = ''] = target.replace(/^https?:\/\/[^/?#]*/i, '').split('#', 1);
  const at = whole.indexOf('?');
  return at < 0 ? { path: whole, query: '' } : { path: whole.slice(0, at), query: whole.slice(at + 1) };
}

/** `gemini-3-pro-image:generateContent` as a model and a method. */
export function splitMethod(rest: string): { readonly model: string; readonly method: string } | null {
  const at = rest.lastIndexOf(':');
  return at <= 0 ? null : { model: rest.slice(0, at), method: rest.slice(at + 1) };
}

/** A dialect's route of the form `/prefix/{model}:method`; null for a plain path. */
export function splitRoute(route: string): { readonly prefix: string; readonly method: string } | null {
  const found = /^(.*\/)\{model\}:(\w+)$/.exec(route);
  return found === null ? null : { prefix: found[1]!, method: found[2]! };
}

export interface PostedPath {
  readonly dialect: Dialect;
  readonly route: Route;
  /** As named in the path; null where it names none. */
  readonly model: string | null;
}

/** The path of pictures that this is, and the model named in it; null for any other. */
export function drawnPath(path: string, dialects: readonly Dialect[]): PostedPath | null {
  const posted = postedPath(path, dialects);
  return posted?.route.renderCount === undefined ? posted : null;
}

/** The same, of paths that only count tokens too. */
function postedPath(path: string, dialects: readonly Dialect[]): PostedPath | null {
  const plain = plainPath(path);
  for (const dialect of dialects)
    for (const route of dialect.routes) {
      const parts = splitRoute(route.path);
      if (parts === null && route.path === plain) return { dialect, route, model: null };
      if (parts === null || !plain.startsWith(parts.prefix)) continue;
      const asked = splitMethod(plain.slice(parts.prefix.length).replace(/%3a/gi, ':'));
      if (asked?.method === parts.method) return { dialect, route, model: asked.model };
    }
  return null;
}

/** The methods a known path is served with, as an Allow header says it; null for a path that is not known. */
export function allowedMethod(
  path: string,
  dialects: readonly Dialect[],
): 'GET' | 'GET, HEAD' | 'POST' | 'GET, DELETE' | 'GET, POST' | 'POST, PUT' | null {
  const plain = plainPath(path);
  if (plain.startsWith(`${LINKED_PATH}/`)) return 'GET, HEAD';
  const isTask = ({ tasks }: Dialect): boolean =>
    tasks.some((base) => plain.startsWith(`${base}/`) && !plain.slice(base.length + 1).includes('/'));
  if (dialects.some(isTask)) return 'GET, DELETE';
  for (const { files } of dialects) {
    if (files?.paths.includes(plain) === true) return 'GET, POST';
    if (files?.paths.some((path) => plain.startsWith(`${path}/`)) === true) return 'GET, DELETE';
    if (files?.uploads?.paths.includes(plain) === true) return 'POST, PUT';
  }
  if (DOWNLOAD.test(plain)) return 'GET';
  if (postedPath(path, dialects) !== null || QUOTE_PATHS.some((quote) => quote === plain)) return 'POST';
  if (CAPABILITY_PATHS.some((capabilities) => capabilities === plain)) return 'GET';
  return MODEL_PATHS.some((models) => plain === models || plain.startsWith(`${models}/`)) ? 'GET' : null;
}

/** Google's own place for the bytes of files. */
const DOWNLOAD = /^\/download\/(?:v1beta|v1)\/files\/[^/]+$/;

/** The path somebody wanted whose base URL is too long by a version, or of a version nobody serves; null for any other. */
export function meantPath(path: string, dialects: readonly Dialect[]): string | null {
  const plain = plainPath(path);
  const rest = /^(?:\/v1beta|\/v1alpha|\/v1|\/openai)+(\/.+)$/.exec(plain)?.[1];
  if (rest === undefined) return null;
  const meant = `${splitMethod(rest) === null ? '/v1' : '/v1beta'}${rest}`;
  return meant !== plain && allowedMethod(meant, dialects) !== null ? meant : null;
}

/** What OpenAI, Google and Anthropic have on the bases that are served here, and this version has not. */
const VENDOR_PATH = new RegExp(
  `^((?:/v1beta/openai|/v1beta|/v1)?/(?:${[
    'completions',
    // One that is kept, by its id.
    'responses/[^/:]+',
    'messages/batches',
    'embeddings',
    'batches',
    'interactions',
  ].join('|')}))(?:[/:].*)?$`,
);

/** The vendor's path that somebody asked for, without what follows its name; null for one that is served or that nobody has. */
export function unservedPath(path: string): string | null {
  return VENDOR_PATH.exec(plainPath(path))?.[1] ?? null;
}

/** Without doubled slashes and without one at the end. */
function plainPath(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
}
