import { ADMIN_KEY } from './gateway.ts';

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Whatever is asked of the admin API, as JSON. */
export async function admin(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Told> {
  const reply = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await reply.text();
  const isJson = reply.headers.get('content-type')?.startsWith('application/json') ?? false;
  return {
    status: reply.status,
    headers: reply.headers,
    body: (isJson && text !== '' ? JSON.parse(text) : { text }) as Told['body'],
  };
}

/** The refusal in an answer. */
export function refusalOf({ body }: Told): {
  readonly code: string;
  readonly message: string;
  readonly field: string | null;
  readonly mistakes: readonly { readonly field: string; readonly message: string }[];
} {
  return body['error'] as ReturnType<typeof refusalOf>;
}
