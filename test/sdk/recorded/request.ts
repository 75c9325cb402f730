import { KEY } from '../../support/gateway.ts';

// What each SDK puts on the wire, request line, header order and body, as recorded from them and written down again.

/** One request as a client sends it. */
export interface Recorded {
  readonly name: string;
  /** Method and target: `POST /v1/images/generations`. */
  readonly line: string;
  /** Names as the client spells them, in its order; `host` and the length are the sender's to add. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly expected: Expected;
}

export type Expected =
  | { readonly status: 200; readonly dialect: Dialect; readonly pictures: readonly string[] }
  | { readonly status: 200; readonly dialect: Dialect; readonly models: number }
  | { readonly status: 200; readonly dialect: 'gemini' | 'claude'; readonly tokens: number }
  | { readonly status: 200; readonly dialect: 'gemini'; readonly files: number }
  /** No body: what is answered stands in headers. */
  | { readonly status: 200; readonly dialect: 'gemini'; readonly uploadIsActive: true }
  | { readonly status: 400 | 403 | 404; readonly dialect: Dialect; readonly says: RegExp };

export type Dialect = 'openai' | 'gemini' | 'claude';
export type Headers = Recorded['headers'];

export const JSON_TYPE = ['content-type', 'application/json'] as const;
export const UNDICI: Headers = [
  ['accept-language', '*'],
  ['sec-fetch-mode', 'cors'],
  ['accept-encoding', 'gzip, deflate'],
];
export const KEEP_ALIVE = ['connection', 'keep-alive'] as const;

export const BEARER = ['authorization', `Bearer ${KEY}`] as const;

/** A form as each library frames it: fields in their order, a file where the value is a pair of name and type. */
export function form(boundary: string, fields: readonly (readonly [string, string | readonly [string, string]])[]) {
  const parts = fields.map(([name, value]) =>
    typeof value === 'string'
      ? `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
      : `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${value[0]}"\r\n` +
        `Content-Type: ${value[1]}\r\n\r\n${Buffer.from(PNG, 'base64').toString('latin1')}\r\n`,
  );
  return {
    type: ['content-type', `multipart/form-data; boundary=${boundary}`] as const,
    body: `${parts.join('')}--${boundary}--\r\n`,
  };
}

/** One pixel, with every character of base64's alphabets that is not the same in both. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQImWP4/X4fAAWRAqmFnsBJAAAAAElFTkSuQmCC';
export const PNG_FILE = ['a.png', 'image/png'] as const;
export const BLOB_FILE = ['blob', 'image/png'] as const;

export const pictures = (dialect: Dialect, ...sizes: readonly string[]): Expected => ({
  status: 200,
  dialect,
  pictures: sizes,
});
export const listed = (dialect: Dialect, models: number): Expected => ({ status: 200, dialect, models });
export const counted = (dialect: 'gemini', tokens: number): Expected => ({ status: 200, dialect, tokens });
export const refused = (dialect: Dialect, says: RegExp): Expected => ({ status: 400, dialect, says });
export const absent = (dialect: Dialect, says: RegExp): Expected => ({ status: 404, dialect, says });
export const notHere = (dialect: Dialect): Expected => absent(dialect, /nothing at this path/);
export const notServed = (dialect: Dialect): Expected => absent(dialect, /^This version does not serve \//);
export const noFile: Expected = {
  status: 403,
  dialect: 'gemini',
  says: /^You do not have permission to access the File abc-123 /,
};
export const uploading: Expected = { status: 200, dialect: 'gemini', uploadIsActive: true };
export const filed = (files: number): Expected => ({ status: 200, dialect: 'gemini', files });
export const noMethod = absent('gemini', /method of a model is not served/);
export const noModel = absent('openai', /The model "m" does not exist here/);
export const tokens = (count: number): Expected => ({ status: 200, dialect: 'claude', tokens: count });

export const GENERATIONS = 'POST /v1/images/generations';
export const EDITS = 'POST /v1/images/edits';
export const VARIATIONS = 'POST /v1/images/variations';
export const CHAT = 'POST /v1/chat/completions';
export const flash = (method: string, version = '/v1') =>
  `POST ${version}/models/gemini-3.1-flash-image-preview:${method}`;
export const NATIVE_X = '{"contents":[{"parts":[{"text":"x"}],"role":"user"}]}';
export const NATIVE_STREAM = 'streamGenerateContent?alt=sse';
