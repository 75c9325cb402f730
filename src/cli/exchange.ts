import { once } from 'node:events';
import { request as http } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { request as https } from 'node:https';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Its first `mostBytes`; the rest is read and let go. */
  readonly text: string;
}

/** One request, to its end. Follows nobody elsewhere: whoever that is would get the key. */
export async function exchange(
  url: string,
  options: RequestOptions,
  body: string,
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<Reply> {
  const sent = (url.startsWith('https:') ? https : http)(url, options);
  sent.end(body);
  const [reply] = (await once(sent, 'response', { signal: options.signal })) as [IncomingMessage];
  const chunks: Buffer[] = [];
  let kept = 0;
  for await (const chunk of reply) {
    if (kept < mostBytes) chunks.push(chunk as Buffer);
    kept += (chunk as Buffer).length;
  }
  return { status: reply.statusCode ?? 0, headers: reply.headers, text: Buffer.concat(chunks).toString() };
}
