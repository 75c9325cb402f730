import type { Account } from './books.ts';
import type { Tenant } from './load/asks.ts';

/** Many: one that is refused rests for minutes, and where all of them rest little is drawn. */
export const UPSTREAM_KEYS: readonly string[] = Array.from({ length: 24 }, (_, index) => `upstream-soak-${index + 1}`);
/** Of the environment variables they are in. */
export const KEY_NAMES = UPSTREAM_KEYS.map((_, index) => `SOAK_KEY_${index + 1}`);
export const KEYS = {
  acme: 'sk-soak-acme',
  globex: 'sk-soak-globex',
  initech: 'sk-soak-initech',
  umbrella: 'sk-soak-umbrella',
  mallory: 'sk-soak-mallory',
} as const satisfies Record<Tenant, string>;
/** Where what it draws is kept for this long only, and is told of a while longer when nobody can draw. */
export const SHORT_LIVED = { tenant: 'initech', ttlSeconds: 8, staleSeconds: 20 } as const;
export const FLASH = 'gemini-3.1-flash-image';
export const PRO = 'gemini-3-pro-image';
/** Of the memory that pictures are kept in: small, so that it is full before the first measurement. */
export const MEMORY_BYTES = 24 << 20;
/** No caller waits longer than this for a picture, and no picture is waited for longer than that. */
export const ANSWER_WITHIN_MS = 2_500;
export const ABANDON_AFTER_MS = 5_000;

export interface ConfigOptions {
  readonly simulatorUrl: string;
  readonly seconds: number;
  /** Absent: budgets and pictures are in the data directory. */
  readonly redisUrl: string | null;
}

/** At Google's own price, which is what the simulator bills. */
const PRICES = {
  [FLASH]: { input: 0.5, text: 3, image: 60 },
  [PRO]: { input: 2, text: 12, image: 120 },
} as const;

export function configOf({ simulatorUrl, seconds, redisUrl }: ConfigOptions): Record<string, unknown> {
  const usd = budgetsOf(seconds);
  const upstream = {
    kind: 'gemini',
    baseUrl: simulatorUrl,
    answerWithinMs: ANSWER_WITHIN_MS,
    abandonAfterMs: ABANDON_AFTER_MS,
    replyBytes: 8 << 20,
  };
  const model = (id: keyof typeof PRICES) => ({
    id,
    targets: ['first', 'second'].map((upstream) => ({
      upstream,
      model: id,
      price: { perMillionTokensUsd: PRICES[id] },
    })),
  });
  const keys = (tenant: Tenant, more: object = {}) => [{ key: KEYS[tenant], ...more }];
  return {
    ...(redisUrl !== null && { state: redisUrl }),
    bounds: { inTheAir: 48, queue: { length: 24, waitMs: 700 } },
    cache: {
      store: redisUrl === null ? 'disk' : 'redis',
      memoryBytes: MEMORY_BYTES,
      staleIfErrorSeconds: SHORT_LIVED.staleSeconds,
    },
    upstreams: [
      { id: 'first', ...upstream, keysFrom: KEY_NAMES.slice(0, 12) },
      { id: 'second', ...upstream, keysFrom: KEY_NAMES.slice(12) },
    ],
    models: [model(FLASH), model(PRO)],
    organisations: [{ id: 'conglomerate', budgets: [{ limitUsd: usd.conglomerate, per: 'total' }] }],
    tenants: [
      { id: 'acme', keys: keys('acme') },
      { id: 'globex', keys: keys('globex'), budgets: [{ limitUsd: usd.globex, per: 'total' }] },
      {
        id: 'initech',
        keys: keys('initech'),
        limits: { requestsPerMinute: 300, imagesPerMinute: 90, concurrentImages: 4 },
        cache: { ttlSeconds: SHORT_LIVED.ttlSeconds },
      },
      {
        id: 'umbrella',
        organisation: 'conglomerate',
        models: [FLASH],
        keys: keys('umbrella', { creditUsd: usd.umbrella }),
        cache: { onDisconnect: 'cancel' },
      },
      { id: 'mallory', keys: keys('mallory') },
    ],
  };
}

/** Of each budget there is: its account in the ledger begins with these words, and what it may come to in nano-dollars. */
export function limitsOf(seconds: number, accounts: readonly Account[]): ReadonlyMap<string, number> {
  const usd = budgetsOf(seconds);
  const known: readonly (readonly [string, number])[] = [
    ['["globex",', usd.globex],
    ['["organisation","conglomerate",', usd.conglomerate],
    ['["key",', usd.umbrella],
  ];
  return new Map(
    known.map(([words, limit]) => [
      accounts.find(({ key }) => key.startsWith(words))?.key ?? words,
      Math.round(limit * 1e9),
    ]),
  );
}

/** In dollars, and so small that they are gone before the end. */
function budgetsOf(seconds: number) {
  return { globex: 0.5 + seconds * 0.04, umbrella: 1 + seconds * 0.05, conglomerate: 1 + seconds * 0.06 };
}
