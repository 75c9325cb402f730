import type { Hold } from '../books.ts';
import { groupsOf } from './finding.ts';
import type { Finding } from './finding.ts';

/** Unix milliseconds. */
export interface Trouble {
  readonly from: number;
  readonly until: number;
}

export interface OnceOptions {
  /** Of what that tenant has drawn: how long it is kept. */
  readonly lifetimeMs: (tenant: string) => number;
  /** When what was paid for may not have been stored: a crash, a store that could not be had. */
  readonly unstored: readonly Trouble[];
  /** When a gateway said that Redis did not answer it in time: what it has is not found then, and what another draws is not waited for. */
  readonly alone: readonly Trouble[];
}

/** Between the row of a picture and its being stored, and the other way round. */
const SLACK_MS = 3_000;
/** From when a picture is begun to its row: nothing is waited for longer. */
const DRAWING_MS = 8_000;

/**
 * What is repeatable was drawn once in each lifetime of what was stored of it: the tag `once` names it and, behind its last
 * dot, of how many pictures it is.
 */
export function checkOnce(holds: readonly Hold[], { lifetimeMs, unstored, alone }: OnceOptions): Finding {
  const faults: string[] = [];
  let explained = 0;
  const drawn = holds.filter(({ tags, outcome }) => tags['once'] !== undefined && outcome === 'ok');
  const groups = groupsOf(drawn, ({ tags }) => tags['once']!);
  for (const [name, group] of groups) {
    const pictures = Number(name.split('.').at(-1));
    const lifetime = lifetimeMs(group[0]!.tenant);
    const times = group.map(({ at }) => at).toSorted((a, b) => a - b);
    for (let index = 0; index + pictures < times.length; index += 1) {
      const [first, again] = [times[index]!, times[index + pictures]!];
      if (again - first >= lifetime - SLACK_MS) continue;
      if (meets(unstored, first - SLACK_MS, first + SLACK_MS) || meets(alone, again - DRAWING_MS, again))
        explained += 1;
      else
        faults.push(
          `${name} was paid for again after ${again - first} ms, and nothing explains it (${group.map(({ id }) => id).join(' ')})`,
        );
    }
  }
  const figures = `${groups.size} repeatable, ${drawn.length} drawn, ${explained} of them again after what events explain`;
  return { check: 'repeatable pictures cost once', figures, faults };
}

function meets(troubles: readonly Trouble[], from: number, until: number): boolean {
  return troubles.some((trouble) => trouble.until > from && trouble.from < until);
}
