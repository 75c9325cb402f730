import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { openBill } from './bill.ts';
import type { Bill, Pricing } from './bill.ts';
import type { FaultRule } from './faults.ts';
import type { House } from './generate.ts';
import { openJournal } from './journal.ts';
import type { Call } from './journal.ts';
import { createPictures } from './pictures.ts';
import { answer, fail } from './routes.ts';
import { createRules } from './rules.ts';
import { DEFAULT_SETTINGS } from './settings.ts';
import type { Settings } from './settings.ts';
import { createSignatures } from './signatures.ts';

export interface SimulatorOptions {
  /** 0, the default, is any free port. */
  readonly port?: number;
  /** A loopback address; any other is refused. */
  readonly host?: string;
  readonly latencyMs?: number;
  readonly signatureBytes?: number | 'recorded';
  readonly format?: 'png' | 'jpeg';
  readonly pricing?: Pricing;
  readonly freeSearches?: number;
  /** The keys that are accepted; absent: any that is not empty. */
  readonly keys?: readonly string[];
}

export interface Simulator {
  /** Such as `http://127.0.0.1:9090`. */
  readonly url: string;
  readonly bill: Bill;
  /** The newest 10,000 calls, oldest first. */
  readonly calls: readonly Call[];
  /** May be changed at any time. */
  readonly settings: Settings;
  rule(rule: FaultRule): void;
  clearRules(): void;
  /** No call is answered, begun before or after, until the function is called. */
  pause(): () => void;
  /** Ends every connection, whatever is in the air. */
  close(): Promise<void>;
}

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];
const BACKLOG = 4096;
/** Longer than any pooled client keeps an idle connection, so that none is closed under a request. */
const KEEP_ALIVE_MS = 120_000;

/**
 * A Gemini-native upstream that draws: https://ai.google.dev/api/generate-content. Rejects when the host is not loopback
 * or the port is taken.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0, keys, ...given } = options;
  if (!LOOPBACK.includes(host)) {
    throw new RangeError(`The simulator listens on loopback only (${LOOPBACK.join(', ')}), not on ${host}.`);
  }
  const settings: Settings = { ...DEFAULT_SETTINGS, ...given };
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const pauses = new Set<Promise<void>>();
  const house = createHouse(settings, pauses, closing.signal);
  const journal = openJournal();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    answer(request, response, { house, journal, settings, keys }).catch((error: unknown) => {
      if (!closing.signal.aborted && !request.socket.destroyed) fail(response, error);
      else request.socket.destroy();
    });
  });
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, listening);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address with a port');
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    bill: house.bill,
    calls: journal.calls,
    settings,
    rule: (rule) => house.rules.add(rule),
    clearRules: () => house.rules.clear(),
    pause() {
      const { promise, resolve } = Promise.withResolvers<void>();
      pauses.add(promise);
      return () => {
        pauses.delete(promise);
        resolve();
      };
    },
    close: () =>
      new Promise((closed) => {
        closing.abort();
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

function createHouse(settings: Settings, pauses: ReadonlySet<Promise<void>>, closing: AbortSignal): House {
  const closed = new Promise<never>((_, reject) => {
    closing.addEventListener('abort', () => reject(closing.reason as Error));
  });
  closed.catch(() => undefined);
  const studio = {
    pictures: createPictures(),
    signatures: createSignatures(),
    get format() {
      return settings.format;
    },
    get signatureBytes() {
      return settings.signatureBytes;
    },
  };
  return {
    studio,
    rules: createRules(),
    bill: openBill(settings),
    settings,
    async sleep(ms) {
      if (ms > 0) await setTimeout(ms, undefined, { signal: closing });
      while (pauses.size > 0) await Promise.race([...pauses, closed]);
    },
    async hold(ms, left) {
      await setTimeout(ms, undefined, { signal: AbortSignal.any([closing, left]) }).catch((error: unknown) => {
        if (!closing.aborted && !left.aborted) throw error;
      });
    },
  };
}
