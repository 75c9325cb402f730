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
  /** Pictures that the cache had, and that another was having drawn: of an outcome of that name, and no attempts. */
  readonly cached: bigint;
  readonly joined: bigint;
  /** Nano-dollars, and ms of waiting, that they cost when they were drawn. */
  readonly savedNanos: bigint;
  readonly savedMs: bigint;
}

/** The dearest groups, and what all the others come to. */
export interface UsageReport {
  readonly rows: readonly UsageRow[];
  /** Null: there are no others. */
  readonly others: UsageSums | null;
  readonly total: UsageSums;
}

/** Compares greater than every day. */
export const LAST_DAY = '9999';

/** As they are called in SQL. */
const SUMS = {
  calls: 'calls',
  pictures: 'pictures',
  tokens: 'tokens',
  spentNanos: 'spent',
  unknownNanos: 'unknown',
  heldNanos: 'held',
  cached: 'cached',
  joined: 'joined',
  savedNanos: 'saved_nanos',
  savedMs: 'saved_ms',
} as const satisfies Record<keyof UsageSums, string>;
const SUM_NAMES = Object.entries(SUMS) as readonly (readonly [keyof UsageSums, string])[];

/** Whether there is such a dimension. */
export function isDimension(name: string): boolean {
  return Object.hasOwn(COLUMNS, name) || (name.startsWith('tag:') && TAG_NAME.test(name.slice('tag:'.length)));
}

/** What was spent, and on what: of days in their order, else the dearest first. Reads sums kept by day, not the rows. */
export function readUsage(db: Database, query: UsageQuery): readonly UsageRow[] {
  return reportUsage(db, query, Number.MAX_SAFE_INTEGER).rows;
}

/** The same, of at most `most` groups: callers make up as many tags as they like, and nobody reads all of them. */
export function reportUsage(db: Database, query: UsageQuery, most: number): UsageReport {
  const { by, tenant, upstream, since, until } = query;
  const tagPaths: Record<string, string> = {};
  const columns = by.map((name, index) => {
    if (!name.startsWith('tag:')) return `${COLUMNS[name as keyof typeof COLUMNS]} AS by${index}`;
    tagPaths[`path${index}`] = `$."${name.slice('tag:'.length)}"`;
    return `coalesce(json_extract(tags, :path${index}), '') AS by${index}`;
  });
  const groups = by.map((_, index) => `by${index}`);
  const days = by.flatMap((name, index) => (name === 'day' ? [`by${index}`] : []));
  const sums = SUM_NAMES.map(([, name]) => `sum(${name}) AS ${name}`).join(', ');
  const within = 'day BETWEEN :since AND :until';
  const span = { since: since ?? '', until: until ?? LAST_DAY };
  // CROSS JOIN: the sums first, in their order. An index would lead from the names to them, and all over the file.
  const named = `part CROSS JOIN attribution AS who ON who.id = attribution
    WHERE ${within} AND (:tenant IS NULL OR tenant = :tenant) AND (:upstream IS NULL OR upstream = :upstream)`;
  const rows = db
    .prepare(
      `${PART} SELECT ${[...columns, sums].join(', ')} FROM ${named}
       GROUP BY ${groups.length === 0 ? 'NULL' : groups.join(', ')}
       HAVING sum(calls) <> 0 OR sum(cached) <> 0 OR sum(joined) <> 0
       ORDER BY ${[...days, 'spent DESC', 'saved_nanos DESC', ...groups].join(', ')} LIMIT :most`,
    )
    // One too many: whether there are others.
    .all({ ...span, tenant, upstream, most: BigInt(most) + 1n, ...tagPaths });
  const told = rows.slice(0, most).map((row) => ({ by: groups.map((name) => String(row[name])), sums: sumsOf(row) }));
  if (rows.length <= most) return { rows: told, others: null, total: addUp(told) };
  // Names cost more than all the sums: without a filter none is looked up.
  const all =
    tenant === null && upstream === null
      ? db.prepare(`${PART} SELECT ${sums} FROM part WHERE ${within}`).get(span)
      : db.prepare(`${PART} SELECT ${sums} FROM ${named}`).get({ ...span, tenant, upstream });
  const total = sumsOf(all ?? {});
  return { rows: told, others: minus(total, addUp(told)), total };
}

/** Everything that is summed up, from where it stands. */
const PART = `WITH part AS (
    SELECT day, attribution, outcome, calls, pictures, tokens, spent, iif(outcome = 'unknown', spent, 0) AS unknown,
      0 AS held, 0 AS cached, 0 AS joined, 0 AS saved_nanos, 0 AS saved_ms
    FROM usage
    UNION ALL
    SELECT date(at / 1000, 'unixepoch') AS day, attribution, 'in_air', 1, 0, 0, 0, 0, worst, 0, 0, 0, 0
    FROM hold WHERE state = 'held'
    UNION ALL
    SELECT day, attribution, how, 0, 0, 0, 0, 0, 0, iif(how = 'cached', calls, 0), iif(how = 'joined', calls, 0), nanos, ms
    FROM saved
  )`;

export function addUp(rows: readonly UsageRow[]): UsageSums {
  return each((name) => rows.reduce((sum, { sums }) => sum + sums[name], 0n));
}

function minus(all: UsageSums, some: UsageSums): UsageSums {
  return each((name) => all[name] - some[name]);
}

function sumsOf(row: Readonly<Record<string, unknown>>): UsageSums {
  // Of no group at all the sum is null.
  return each((name) => (row[SUMS[name]] as bigint | null) ?? 0n);
}

function each(value: (name: keyof UsageSums) => bigint): UsageSums {
  return Object.fromEntries(SUM_NAMES.map(([name]) => [name, value(name)])) as unknown as UsageSums;
}
