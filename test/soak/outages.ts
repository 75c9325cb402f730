import type { Life } from './lives.ts';

/** A time in which something was not there. Unix milliseconds. */
export interface Outage {
  readonly by: 'term' | 'kill';
  readonly instance: number;
  readonly from: number;
  readonly until: number;
}

export function outagesOf(lives: readonly Life[]): readonly Outage[] {
  return lives.flatMap(({ end, instance }) =>
    end ? [{ by: end.by, instance, from: end.from, until: end.until }] : [],
  );
}
