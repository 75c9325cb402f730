import { diceOf } from '../dice.ts';
import type { Dice } from '../dice.ts';

/** Who asks: `config.ts` says what each of them may. */
export type Tenant = 'acme' | 'globex' | 'initech' | 'umbrella' | 'mallory';

/** What is asked for, however it is asked: the same subject asked again is a hit, or joins. */
export interface Subject {
  readonly id: string;
  readonly tenant: Tenant;
  readonly prompt: string;
  /** Null: not repeatable. */
  readonly seed: number | null;
  readonly tier: '512' | '1K';
  readonly n: 1 | 2;
}

/** In which dialect, and to what end. */
export const KINDS = {
  images: 14,
  'images stream': 5,
  'images bare': 3,
  'images link': 3,
  'images task': 4,
  'edit json': 3,
  'edit form': 3,
  'edit mask': 2,
  variation: 2,
  big: 1,
  chat: 6,
  'chat stream': 3,
  'chat turns': 4,
  responses: 4,
  'responses stream': 2,
  claude: 5,
  'claude stream': 2,
  gemini: 9,
  'gemini events': 4,
  'gemini array': 3,
  openrouter: 3,
  'openrouter stream': 2,
  file: 2,
  quote: 3,
  count: 2,
  models: 1,
  wrong: 6,
} as const satisfies Record<string, number>;
export type Kind = keyof typeof KINDS;

export const WRONGS = [
  'bad json',
  'no key',
  'bad key',
  'unknown model',
  'forbidden model',
  'bad size',
  'no prompt',
  'bad form',
  'no such path',
  'wrong method',
  'no such task',
  'not cached',
] as const;
export type Wrong = (typeof WRONGS)[number];

/** What callers say about the cache; '' is nothing. */
export type CacheWish = '' | 'no-store' | 'no-cache' | 'max-age=600' | 'only-if-cached';

export interface Ask {
  readonly index: number;
  readonly kind: Kind;
  readonly subject: Subject;
  readonly wrong: Wrong;
  readonly cacheWish: CacheWish;
  /** So many at once, each on a connection of its own. */
  readonly copies: number;
  /** Milliseconds after which the caller hangs up; null: never. */
  readonly hangsUpMs: number | null;
  /** Reads at a few hundred KB a second. */
  readonly isSlow: boolean;
  /** A connection for this request alone. */
  readonly isAlone: boolean;
  /** With an `Idempotency-Key` that says what is asked. */
  readonly isIdempotent: boolean;
  /** Of tasks: gives up on it. */
  readonly cancels: boolean;
  /** Which gateway, where there are several. */
  readonly instance: 0 | 1;
}

/** How many kinds of trouble can be about at one time: each prompt is of one lot, and rules of the simulator name lots. */
export const LOTS = 40;
/** Lots of their own for what gets a key paused: only the tenant that is there for it is to be paused. */
export const PROHIBITED_LOTS = 4;

const AGAIN = 0.5;
/** In the same dialect as before, and not in any. */
const AS_BEFORE = 0.6;
/** So far back lies what is asked again. */
const REACH = 60;

/** The request with that number: it follows from the seed, and from nothing that happens. */
export function askAt(seed: string, index: number): Ask {
  const dice = diceOf(seed, 'ask', index);
  const of = dice.chance(AGAIN) ? Math.max(0, index - dice.whole(1, REACH)) : index;
  const kind = of !== index && dice.chance(AS_BEFORE) ? kindAt(seed, of) : kindAt(seed, index);
  return {
    index,
    kind,
    subject: subjectAt(seed, of),
    wrong: dice.pick(WRONGS),
    cacheWish: dice.weighed({ '': 80, 'no-store': 4, 'no-cache': 4, 'max-age=600': 8, 'only-if-cached': 4 }),
    copies: dice.chance(0.12) ? dice.whole(2, 6) : 1,
    hangsUpMs: dice.chance(0.08) ? hangUpAfter(dice) : null,
    isSlow: dice.chance(0.03),
    isAlone: dice.chance(0.25),
    isIdempotent: dice.chance(0.08),
    cancels: dice.chance(0.3),
    instance: dice.chance(0.5) ? 1 : 0,
  };
}

function kindAt(seed: string, index: number): Kind {
  return diceOf(seed, 'kind', index).weighed(KINDS);
}

/** Mostly while something is being drawn, some before it has begun. */
function hangUpAfter(dice: Dice): number {
  return dice.chance(0.3) ? dice.whole(0, 20) : dice.whole(20, 600);
}

/** What the request with that number is about, if it asks for anything new. */
function subjectAt(seed: string, index: number): Subject {
  const dice = diceOf(seed, 'subject', index);
  const tenant = dice.weighed<Tenant>({ acme: 55, globex: 14, initech: 11, umbrella: 12, mallory: 8 });
  const lot = tenant === 'mallory' ? `m${dice.whole(0, PROHIBITED_LOTS - 1)}` : String(dice.whole(0, LOTS - 1));
  const id = `s${index}`;
  return {
    id,
    tenant,
    prompt: `soak ${seed}: ${id}, a ${dice.pick(['fox', 'heron', 'plum', 'pear tree', 'lighthouse'])}, lot ${lot};`,
    seed: dice.chance(0.75) ? dice.whole(1, 1_000_000) : null,
    tier: dice.chance(0.85) ? '512' : '1K',
    n: dice.chance(0.12) ? 2 : 1,
  };
}

/** What every prompt of a lot contains, and no other. */
export function lotWords(lot: string): string {
  return `lot ${lot};`;
}
