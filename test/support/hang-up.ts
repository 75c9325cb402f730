import { request } from 'node:http';
import type { ClientRequest } from 'node:http';
import { expect } from 'vitest';
import { KEY } from './gateway.ts';
import type { TestGateway } from './gateway.ts';

export interface HangUp {
  readonly headers?: Record<string, string>;
  /** So many callers, each on a connection of its own. Default: one. */
  readonly callers?: number;
  /** How many calls upstream they wait for before they hang up. Default: one each. */
  readonly calls?: number;
}

/** Callers who ask as `gateway.post` does and hang up while their pictures are being drawn. */
export async function askAndHangUp(
  gateway: TestGateway,
  path: string,
  body: unknown,
  { headers = {}, callers = 1, calls = callers }: HangUp = {},
): Promise<void> {
  const before = gateway.simulator.calls.length;
  const asked = Array.from({ length: callers }, () => ask(gateway.url + path, body, headers));
  await expect.poll(() => gateway.simulator.calls.length - before, { interval: 5 }).toBeGreaterThanOrEqual(calls);
  // The gateway learns of it before it learns of anything that is sent to it from now on.
  await Promise.all(asked.map(hangUp));
}

function ask(url: string, body: unknown, headers: Record<string, string>): ClientRequest {
  const sent = request(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    agent: false,
  });
  sent.on('error', () => undefined);
  sent.end(JSON.stringify(body));
  return sent;
}

function hangUp(sent: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    sent.once('close', resolve);
    sent.destroy();
  });
}
