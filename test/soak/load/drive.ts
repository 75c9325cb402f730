import { askAt } from './asks.ts';
import type { Ask } from './asks.ts';
import { Line, ORDINARY } from './call.ts';
import type { Destination, Manner, Told } from './call.ts';
import { follow } from './follow.ts';
import { wireOf } from './requests.ts';
import type { Samples } from './samples.ts';
import type { Wire } from './wire.ts';

export interface Load {
  /** What became of each request, without its words. */
  readonly told: readonly Told[];
  /** Nobody asks anything new until the function is called; resolves when all have their answers. */
  pause(): Promise<() => void>;
  /** Resolves when everything that was begun has ended. */
  stop(): Promise<void>;
  /** Rejects when the load itself fails; resolves at its end. */
  readonly ended: Promise<unknown>;
}

export interface LoadOptions {
  readonly seed: string;
  /** Asks that are made at one time; those of several copies count as one. */
  readonly concurrency: number;
  readonly samples: Samples;
  readonly destination: (instance: number) => Destination;
  /** Resolves when that instance listens again. */
  readonly whenUp: (instance: number) => Promise<void>;
}

/** Asks one after the other, in so many lanes, until it is told to stop. */
export function startLoad({ seed, concurrency, samples, destination, whenUp }: LoadOptions): Load {
  const told: Told[] = [];
  const line = new Line();
  let next = 0;
  let isOver = false;
  let gate: Promise<void> | null = null;
  const inTheAir = new Set<Promise<void>>();

  async function call(ask: Ask, wire: Wire, manner: Manner, kind: Told['kind']): Promise<Told> {
    const { id: subject, tenant, n } = ask.subject;
    const who = { ask: ask.index, kind, subject, tenant, n };
    const ended = await line.call(who, wire, destination(ask.instance), manner);
    // Its words are for what follows it alone: kept, they would be most of this process's memory.
    told.push({ ...ended, verdict: ended.verdict && { ...ended.verdict, words: null } });
    if (ended.end === 'refused') await whenUp(ask.instance);
    return ended;
  }

  async function perform(ask: Ask): Promise<void> {
    const wire = wireOf(ask, samples);
    const copies = Array.from({ length: ask.copies }, () => call(ask, wire, ask, ask.kind));
    const [first] = await Promise.all(copies);
    await follow(ask, first!, (wire) => call(ask, wire, ORDINARY, 'what followed'));
  }

  async function lane(): Promise<void> {
    for (;;) {
      await gate;
      if (isOver) return;
      const one = perform(askAt(seed, next++));
      inTheAir.add(one);
      await one;
      inTheAir.delete(one);
    }
  }

  const ended = Promise.all(Array.from({ length: concurrency }, lane));
  ended.catch(() => undefined);
  return {
    told,
    ended,
    async pause() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      await Promise.all(inTheAir);
      line.hangUp();
      return () => {
        gate = null;
        resolve();
      };
    },
    async stop() {
      isOver = true;
      await ended;
      line.hangUp();
    },
  };
}
