import type { Ask } from './drive.ts';

/** In the body of a request: eight digits that are others each time. */
export const NUMBER = '19999999';

/** The bytes of a POST, made once; where its body has `NUMBER` in it, each request has another there. */
export function post(path: string, headers: Readonly<Record<string, string>>, body: string | readonly Buffer[]): Ask {
  const parts = typeof body === 'string' ? [Buffer.from(body)] : body;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const fields = { host: 'bench.test', 'content-type': 'application/json', ...headers, 'content-length': `${length}` };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  if (length > SMALL_BYTES) return () => [head, ...parts];
  const whole = Buffer.concat([head, ...parts]);
  const at = whole.indexOf(NUMBER);
  if (at < 0) return () => whole;
  return (number) => {
    const own = Buffer.from(whole);
    own.write(String(10_000_000 + (number % 90_000_000)), at, 'latin1');
    return own;
  };
}

const SMALL_BYTES = 1 << 20;
