import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';

/**
 * POSTs events to one address, in the manner of https://github.com/standard-webhooks/standard-webhooks: an id that stays
 * the same when it is sent again, the time, and with a secret a signature.
 */
export interface Webhook {
  /** Returns at once and never throws. An event that cannot be delivered, or is one too many, is told to `onLost`. */
  send(type: string, data: Readonly<Record<string, unknown>>): void;
  /** Ends what is being sent; what still waits is lost. */
  close(): Promise<void>;
}

export interface WebhookOptions {
  /** From the configuration, never from a caller. A redirect is not followed. */
  readonly url: string;
  /** `whsec_` and base64, or any text; null: not signed. */
  readonly secret: string | null;
  /** Unix ms. */
  readonly now: () => number;
  /** `reason` holds neither the address nor the secret. */
  readonly onLost: (reason: string) => void;
  readonly deadlineMs?: number;
  readonly pausesMs?: readonly number[];
}

const DEADLINE_MS = 5_000;
/** Before the second try and before the third. */
const PAUSES_MS = [1_000, 5_000];
/** More than this wait for a receiver that is down only while every budget runs out at once. */
const MOST_WAITING = 1_000;
const MOST_REPLY_BYTES = 1 << 16;

interface Event {
  readonly id: string;
  readonly body: string;
}

export function createWebhook({ url, secret, now, onLost, ...options }: WebhookOptions): Webhook {
  const { deadlineMs = DEADLINE_MS, pausesMs = PAUSES_MS } = options;
  const address = new URL(url);
  const key = secret === null ? null : signingKey(secret);
  const agent = new Agent({ connections: 1, pipelining: 1, allowH2: false, maxResponseSize: MOST_REPLY_BYTES });
  const closing = new AbortController();
  const waiting: Event[] = [];
  let sending: Promise<void> | null = null;

  /** Null when it arrived, else why not. */
  async function post({ id, body }: Event): Promise<string | null> {
    const timestamp = String(Math.floor(now() / 1000));
    const signature = key === null ? {} : { 'webhook-signature': sign(key, `${id}.${timestamp}.${body}`) };
    try {
      const { statusCode, body: reply } = await agent.request({
        origin: address.origin,
        path: `${address.pathname}${address.search}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp, ...signature },
        body,
        signal: AbortSignal.timeout(deadlineMs),
      });
      await reply.dump({ limit: MOST_REPLY_BYTES });
      return statusCode >= 200 && statusCode < 300 ? null : `it answered ${statusCode}`;
    } catch (error) {
      const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
      return code === null ? 'it did not answer in time' : `it could not be reached (${code})`;
    }
  }

  async function deliver(event: Event): Promise<void> {
    let reason = await post(event);
    for (const pause of pausesMs) {
      if (reason === null || closing.signal.aborted) break;
      await sleep(pause, undefined, { signal: closing.signal }).catch(() => undefined);
      if (!closing.signal.aborted) reason = await post(event);
    }
    if (reason !== null) onLost(reason);
  }

  async function work(): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      if (closing.signal.aborted) onLost('the gateway was stopped');
      else await deliver(next);
    sending = null;
  }

  return {
    send(type, data) {
      if (waiting.length >= MOST_WAITING) return onLost('too many wait already');
      const timestamp = new Date(now()).toISOString();
      waiting.push({ id: `msg_${randomUUID()}`, body: JSON.stringify({ type, timestamp, data }) });
      sending ??= work();
    },
    async close() {
      closing.abort();
      await sending;
      await agent.close();
    },
  };
}

function signingKey(secret: string): Buffer {
  const prefix = 'whsec_';
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret);
}

function sign(key: Buffer, text: string): string {
  return `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
}
