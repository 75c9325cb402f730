import type { Asked, Dialect } from '../dialects/dialect.ts';

/** Where models are listed, in the dialect of whoever asks. */
export const MODEL_PATHS = ['/v1/models', '/v1beta/models', '/v1beta/openai/models', '/models'] as const;

/** The dialect a call speaks: the first that knows its own marks in it. */
export function dialectOf(asked: Asked, dialects: readonly Dialect[]): Dialect {
  const spoken = dialects.find((dialect) => dialect.recognises(asked));
  if (spoken === undefined) throw new Error('no dialect is registered that recognises every call');
  return spoken;
}

/** A request target as path and query; the query may hold a key and goes no further than who needs it. */
export function splitUrl(target: string): { readonly path: string; readonly query: string } {
  const at = target.indexOf('?');
  return at < 0 ? { path: target, query: '' } : { path: target.slice(0, at), query: target.slice(at + 1) };
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

/** The method a known path is served with, as an Allow header says it; null for a path that is not known. */
export function allowedMethod(path: string, dialects: readonly Dialect[]): 'GET' | 'POST' | null {
  const plain = path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  const isDrawn = dialects.some(({ routes }) =>
    routes.some((route) => {
      const parts = splitRoute(route);
      if (parts === null) return route === plain;
      return plain.startsWith(parts.prefix) && plain.endsWith(`:${parts.method}`);
    }),
  );
  if (isDrawn) return 'POST';
  return MODEL_PATHS.some((models) => plain === models || plain.startsWith(`${models}/`)) ? 'GET' : null;
}

/** What somebody with a base URL too long by a version wanted: the path it should have been, or null. */
export function meantPath(path: string): string | null {
  const plain = path.replace(/\/{2,}/g, '/');
  const rest = /^(?:\/v1beta|\/v1|\/openai)+(\/(?:images|models|chat|responses|messages)(?:\/.*)?)$/.exec(plain)?.[1];
  if (rest === undefined) return null;
  return `${rest.includes(':') ? '/v1beta' : '/v1'}${rest}`;
}
