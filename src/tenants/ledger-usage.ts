import type { Database } from '../sqlite.ts';
import { TAG_NAME } from './tags.ts';

/** What usage can be told apart by, and where that stands. */
const COLUMNS = {
  tenant: 'tenant',
  key: 'key_id',
  model: 'model',
  upstream: 'upstream',
  tier: 'tier',
  user: 'user',
  day: 'day',
  outcome: 'outcome',
} as const;

export const DIMENSIONS: readonly string[] = [...Object.keys(COLUMNS), 'tag:NAME'];

export interface UsageQuery {
  /** Names of dimensions; `tag:team` is the value of the tag `team`. */
  readonly by: readonly string[];
  readonly tenant: string | null;
  readonly upstream: string | null;
  /** Days of UTC, `2026-11-22`, both included; null = from the first, to the last. */
  readonly since: string | null;
  readonly until: string | null;
}

export interface UsageRow {
  /** The values of `by`, in its order; '' where there is none. */
  readonly by: readonly string[];
  readonly sums: UsageSums;
}

/** Attempts at a picture begun in the time asked for, each counted once, by how it ended in the end. */
export interface UsageSums {
  readonly calls: bigint;
  readonly pictures: bigint;
  readonly tokens: bigint;
  /** Nano-dollars charged. */
  readonly spentNanos: bigint;
  /** What of it was charged in full because nobody knows the true cost. */
  readonly unknownNanos: bigint;
  /** The worst cases of what is in the air: outcome `in_air`. */
  readonly heldNanos: bigint;
}

/** Compares greater than every day. */
export const LAST_DAY = '9999';

const SUMS = ['calls', 'pictures', 'tokens', 'spent', 'unknown', 'held'] as const;

/** Whether there is such a dimension. */
export function isDimension(name: string): boolean {
  return Object.hasOwn(COLUMNS, name) || (name.startsWith('tag:') && TAG_NAME.test(name.slice('tag:'.length)));
}

/** What was spent, and on what: of days in their order, else the dearest first. Reads sums kept by day, not the rows. */
export function readUsage(db: Database, { by, tenant, upstream, since, until }: UsageQuery): readonly UsageRow[] {
  const tagPaths: Record<string, string> = {};
  const columns = by.map((name, index) => {
    if (!name.startsWith('tag:')) return `${COLUMNS[name as keyof typeof COLUMNS]} AS by${index}`;
    tagPaths[`path${index}`] = `$."${name.slice('tag:'.length)}"`;
    return `coalesce(json_extract(tags, :path${index}), '') AS by${index}`;
  });
  const groups = by.map((_, index) => `by${index}`);
  const days = by.flatMap((name, index) => (name === 'day' ? [`by${index}`] : []));
  const rows = db
    .prepare(
      `WITH part AS (
         SELECT day, attribution, outcome, calls, pictures, tokens, spent, iif(outcome = 'unknown', spent, 0) AS unknown,
           0 AS held
         FROM usage
         UNION ALL
         SELECT date(at / 1000, 'unixepoch') AS day, attribution, 'in_air', 1, 0, 0, 0, 0, worst
         FROM hold WHERE state = 'held'
       )
       SELECT ${[...columns, ...SUMS.map((name) => `sum(${name}) AS ${name}`)].join(', ')}
       FROM part JOIN attribution AS who ON who.id = attribution
       WHERE day BETWEEN :since AND :until AND (:tenant IS NULL OR tenant = :tenant)
         AND (:upstream IS NULL OR upstream = :upstream)
       GROUP BY ${groups.length === 0 ? 'NULL' : groups.join(', ')}
       HAVING sum(calls) <> 0
       ORDER BY ${[...days, 'sum(spent) DESC', ...groups].join(', ')}`,
    )
    .all({ since: since ?? '', until: until ?? LAST_DAY, tenant, upstream, ...tagPaths });
  return rows.map((row) => ({ by: groups.map((name) => String(row[name])), sums: sumsOf(row) }));
}

export function addUp(rows: readonly UsageRow[]): UsageSums {
  const total = (name: keyof UsageSums): bigint => rows.reduce((sum, { sums }) => sum + sums[name], 0n);
  return {
    calls: total('calls'),
    pictures: total('pictures'),
    tokens: total('tokens'),
    spentNanos: total('spentNanos'),
    unknownNanos: total('unknownNanos'),
    heldNanos: total('heldNanos'),
  };
}

function sumsOf(row: Readonly<Record<string, unknown>>): UsageSums {
  const sum = (name: (typeof SUMS)[number]): bigint => row[name] as bigint;
  return {
    calls: sum('calls'),
    pictures: sum('pictures'),
    tokens: sum('tokens'),
    spentNanos: sum('spent'),
    unknownNanos: sum('unknown'),
    heldNanos: sum('held'),
  };
}
