import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { usdToNanos } from '../image/price.ts';
import { WrongUse } from './command.ts';
import type { Surroundings } from './command.ts';
import { exchange } from './exchange.ts';
import type { Reply } from './exchange.ts';
import type { Wanted } from './warm-list.ts';

/** For `parseArgs`. */
export const TENANT_OPTIONS = { gateway: { type: 'string' } } as const;

export const TENANT_HELP = `Which gateway, and as whom:
  --gateway URL      its address (also: PLANTAIN_URL; default: http://127.0.0.1:8080)
The key is read from PLANTAIN_KEY, or from the file that PLANTAIN_KEY_FILE names.`;

const USUAL_URL = 'http://127.0.0.1:8080';
/** A picture of 4K may take minutes. */
const PATIENCE_MS = 600_000;
const USUAL_WAIT_SECONDS = 5;
const MOST_TRIES = 20;
/** Of an answer whose words are read; pictures are not. */
const WORDS_BYTES = 64 << 10;

/** What one request would cost. */
export interface Priced {
  readonly pictures: number;
  readonly toDraw: number;
  readonly expectedNanos: number;
  readonly worstNanos: number;
  /** Why its answer would not be kept; null when it would. */
  readonly unkept: string | null;
  /** What is left of the tightest budget of its own; null where there is none. */
  readonly leftNanos: number | null;
}

/** What became of one request. `isFinal`: asking for others is of no use. */
export type Drawn =
  | { readonly isGood: true; readonly cache: string; readonly costNanos: number }
  | { readonly isGood: false; readonly why: string; readonly isFinal: boolean };

export interface TenantApi {
  /** Rejects with an Error that says why it would be refused. */
  price(wanted: Wanted): Promise<Priced>;
  /** Asks again for as long as the gateway says it is worth it. Rejects when nobody answers. */
  draw(wanted: Wanted): Promise<Drawn>;
}

/** A gateway as a caller of it. Throws WrongUse where there is no key, or the address is none. */
export function tenantApi(
  asked: { readonly gateway?: string | undefined; readonly maxAgeSeconds: number | null },
  { environment, workingDirectory }: Surroundings,
): TenantApi {
  const base = (asked.gateway ?? (environment['PLANTAIN_URL']?.trim() || USUAL_URL)).replace(/\/+$/, '');
  if (!URL.canParse(base) || !/^https?:/.test(base))
    throw new WrongUse('The address of the gateway must begin with http:// or https://.');
  const key = keyOf(environment, workingDirectory);
  if (key === '') throw new WrongUse('This needs a key of the gateway: set PLANTAIN_KEY, or PLANTAIN_KEY_FILE.');

  async function post(path: string, body: string): Promise<Reply> {
    const headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(asked.maxAgeSeconds !== null && { 'cache-control': `max-age=${asked.maxAgeSeconds}` }),
    };
    const options = { method: 'POST', headers, signal: AbortSignal.timeout(PATIENCE_MS) };
    try {
      return await exchange(`${base}${path}`, options, body, WORDS_BYTES);
    } catch (error) {
      throw new Error(`No gateway answers at ${base}: is it running there?`, { cause: error });
    }
  }

  return {
    async price({ path, body }) {
      const { status, text } = await post(`/v1/quote?for=${encodeURIComponent(path)}`, body);
      if (status !== 200) throw new Error(messageIn(text) ?? `the gateway answers ${status}`);
      return pricedIn(text);
    },

    async draw({ path, body }) {
      for (let tries = 1; ; tries += 1) {
        const { status, headers, text } = await post(path, body);
        if (status === 200)
          return {
            isGood: true,
            // The key is of use to those who purge, and longer than a line.
            cache: String(headers['cache-status'] ?? '').replace(/; key=.*$/, ''),
            costNanos: usdToNanos(Number(headers['x-plantain-cost-usd'] ?? 0)),
          };
        if (headers['x-should-retry'] !== 'true' || tries >= MOST_TRIES)
          return {
            isGood: false,
            why: messageIn(text) ?? `the gateway answers ${status}`,
            isFinal: [401, 403, 429].includes(status),
          };
        await sleep(1000 * (Number(headers['retry-after']) || USUAL_WAIT_SECONDS));
      }
    },
  };
}

function keyOf(environment: Surroundings['environment'], workingDirectory: string): string {
  const key = environment['PLANTAIN_KEY']?.trim() ?? '';
  const file = environment['PLANTAIN_KEY_FILE']?.trim() ?? '';
  return key !== '' || file === '' ? key : readFileSync(resolve(workingDirectory, file), 'utf8').trim();
}

interface QuoteTold {
  readonly object: 'quote';
  readonly pictures: number;
  readonly to_draw: number;
  readonly cost_usd: { readonly expected: number; readonly worst: number };
  readonly cache: readonly { readonly status: string; readonly reason: string | null }[];
  readonly budget: readonly {
    readonly limit_usd: number | null;
    readonly spent_usd: number | null;
    readonly held_usd: number | null;
  }[];
}

function pricedIn(text: string): Priced {
  const told = parsed(text) as QuoteTold | null;
  if (told?.object !== 'quote') throw new Error('What answers is no Plantain gateway.');
  const lefts = told.budget.flatMap(({ limit_usd: limit, spent_usd: spent, held_usd: held }) =>
    limit === null ? [] : [usdToNanos(limit) - usdToNanos(spent ?? 0) - usdToNanos(held ?? 0)],
  );
  return {
    pictures: told.pictures,
    toDraw: told.to_draw,
    expectedNanos: usdToNanos(told.cost_usd.expected),
    worstNanos: usdToNanos(told.cost_usd.worst),
    unkept: told.cache.find(({ status }) => status === 'bypass')?.reason ?? null,
    leftNanos: lefts.length === 0 ? null : Math.min(...lefts),
  };
}

/** What a refusal says, in OpenAI's envelope or Google's. */
function messageIn(text: string): string | null {
  const told = parsed(text) as { readonly error?: { readonly message?: unknown } } | null;
  return typeof told?.error?.message === 'string' ? told.error.message : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
