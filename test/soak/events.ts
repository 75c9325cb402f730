import { diceOf } from './dice.ts';

/** What befalls the gateways, or the Redis they share. */
export type Event =
  | { readonly atMs: number; readonly kind: 'term' | 'kill'; readonly instance: 0 | 1; readonly downMs: number }
  /** SIGHUP, over another configuration or over one with a mistake in it. */
  | { readonly atMs: number; readonly kind: 'reload' | 'bad reload'; readonly instance: 0 | 1 }
  | { readonly atMs: number; readonly kind: 'redis frozen' | 'redis killed'; readonly downMs: number };

/** They come in this share of the time: before it the first processes work in peace, after it the last ones. */
const FROM = 0.12;
const UNTIL = 0.55;
/** One in so many milliseconds. */
const EVERY_MS = 4_000;

/** One of each kind at least, in an order of the seed's. */
export function eventsOf(seed: string, seconds: number, redis: boolean): readonly Event[] {
  const dice = diceOf(seed, 'events');
  const span = (UNTIL - FROM) * seconds * 1000;
  const own = ['term', 'kill', 'reload', 'bad reload'] as const;
  const kinds: readonly Event['kind'][] = redis ? [...own, 'redis frozen', 'redis killed'] : own;
  const count = Math.max(kinds.length, Math.floor(span / EVERY_MS));
  const order = Array.from({ length: Math.ceil(count / kinds.length) }, () => dice.shuffled(kinds))
    .flat()
    .slice(0, count);
  return order.map((kind, index): Event => {
    const atMs = Math.round(FROM * seconds * 1000 + (span * (index + dice.throw() * 0.6)) / count);
    if (kind === 'redis frozen' || kind === 'redis killed') return { atMs, kind, downMs: dice.whole(200, 2_500) };
    const instance = redis && dice.chance(0.5) ? 1 : 0;
    return kind === 'term' || kind === 'kill'
      ? { atMs, kind, instance, downMs: dice.whole(0, 800) }
      : { atMs, kind, instance };
  });
}
