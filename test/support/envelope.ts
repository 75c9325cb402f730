import { expect } from 'vitest';

export type EnvelopeOf = 'openai' | 'google' | 'claude';

/** A failure as far as both vendors' SDKs read it. */
export interface Failed {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: string;
}

/** Checks that a failure has the shape of its dialect and tells nothing of our inside; gives back its message. */
export function expectEnvelope({ status, headers, body }: Failed, dialect: EnvelopeOf, about = ''): string {
  expect(headers.get('content-type'), about).toMatch(/^application\/json/);
  expect(headers.get('x-request-id'), about).toMatch(/^req_[0-9a-f]{32}$/);
  expect(headers.get('cache-control'), about).toBe('private, no-store');
  expect(headers.get('x-should-retry'), about).toMatch(/^(true|false)$/);
  expect(body, about).not.toMatch(/\bat \w+ \(|node:internal|\.ts:\d+|node_modules/);
  const { error, ...others } = JSON.parse(body) as { readonly error: Readonly<Record<string, unknown>> };
  const requestId = headers.get('x-request-id');
  expect(others, about).toEqual(dialect === 'claude' ? { type: 'error', request_id: requestId } : {});
  if (dialect === 'claude') {
    expect(headers.get('request-id'), about).toBe(requestId);
    expect(error, about).toMatchObject({
      message: expect.any(String),
      type: expect.stringMatching(/^[a-z_]+$/),
      details: { error_code: expect.stringMatching(/^[a-z0-9_]+$/) },
    });
  } else if (dialect === 'openai') {
    expect(error, about).toMatchObject({ message: expect.any(String), type: expect.stringMatching(/^[a-z_]+$/) });
    expect(error.code, about).toMatch(/^[a-z0-9_]+$/);
    expect(error.param === null || typeof error.param === 'string', about).toBe(true);
  } else {
    expect(error, about).toMatchObject({ code: status, message: expect.any(String) });
    expect(error.status, about).toMatch(/^[A-Z_]+$/);
    for (const detail of (error.details ?? []) as { readonly '@type': string }[])
      expect(detail['@type'], about).toMatch(/^type\.googleapis\.com\/google\.rpc\.\w+$/);
  }
  expect(error.message, about).not.toBe('');
  return String(error.message);
}

export async function failedOf(reply: Response): Promise<Failed> {
  return { status: reply.status, headers: reply.headers, body: await reply.text() };
}
