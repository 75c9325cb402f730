import { GatewayError } from '../errors.ts';
import { RedisFailure, script } from '../redis.ts';
import type { Redis, Reply } from '../redis.ts';
import { nameOf } from './registry-store.ts';
import type { AuditEntry, AuditRow, RegistryRecord, RegistryStore } from './registry-store.ts';

/*
 * The registry where all instances share it. Under one prefix, whose hash tag keeps it on one node of a cluster:
 *
 *   records     hash: a record's name to its JSON
 *   revisions   sorted set: the same names by the revision that wrote them
 *   revision    the registry's own, which only rises
 *   audit       stream of rows, and one more for each subject
 *   changes     channel: told of every change, with its revision
 */

/** All of a change or nothing, in one step. -1: a record is not as expected. */
const WRITE = script(
  'registry-write',
  `
  local records, revisions, counter, trail, ofSubject = unpack(KEYS)
  local channel, row, expected = ARGV[1], ARGV[2], tonumber(ARGV[3])
  for i = 4, 2 + 2 * expected, 2 do
    if tonumber(redis.call('ZSCORE', revisions, ARGV[i]) or 0) ~= tonumber(ARGV[i + 1]) then return -1 end
  end
  local first = 4 + 2 * expected
  local revision = tonumber(redis.call('GET', counter) or 0)
  if first <= #ARGV then revision = redis.call('INCR', counter) end
  for i = first, #ARGV, 2 do
    redis.call('HSET', records, ARGV[i], ARGV[i + 1])
    redis.call('ZADD', revisions, revision, ARGV[i])
  end
  local id = redis.call('XADD', trail, '*', 'row', row)
  redis.call('XADD', ofSubject, id, 'row', row)
  if first <= #ARGV then redis.call('PUBLISH', channel, revision) end
  return revision
  `,
);

/** The revision, and by twos the revision and the JSON of every record after the one that is known. */
const LOAD = script(
  'registry-load',
  `
  local records, revisions, counter = unpack(KEYS)
  local told = { tonumber(redis.call('GET', counter) or 0) }
  local names = redis.call('ZRANGEBYSCORE', revisions, '(' .. ARGV[1], '+inf', 'WITHSCORES')
  for i = 1, #names, 2 do
    told[#told + 1] = tonumber(names[i + 1])
    told[#told + 1] = redis.call('HGET', records, names[i])
  end
  return told
  `,
);

const WRITE_MS = 1_000;
const LOAD_MS = 10_000;
const AUDIT_MS = 3_000;
const LOOK_MS = 500;
/** What a lost message costs: a revocation holds everywhere within this time. */
const LOOK_EVERY_MS = 1_000;

export interface RedisRegistryOptions {
  readonly redis: Redis;
  /** Its keys begin with it. */
  readonly prefix: string;
}

/** Tenants and keys that several instances share. While Redis is away every verb rejects with GatewayError `unavailable`. */
export function createRedisRegistry({ redis, prefix }: RedisRegistryOptions): RegistryStore {
  const key = (name: string): string => `${prefix}:${name}`;
  const keys = ['records', 'revisions', 'revision'].map(key);
  const channel = key('changes');
  const trailOf = (subject: string | null): string => (subject === null ? key('audit') : key(`audit:${subject}`));
  /** The revision that was read last. */
  let known = 0;

  return {
    async load(since) {
      const [revision, ...rest] = (await asked(redis.run(LOAD, keys, [String(since)], LOAD_MS))) as readonly Reply[];
      known = Number(revision);
      const records = rest.flatMap((at, index) =>
        index % 2 === 0
          ? [{ revision: Number(at), record: JSON.parse(String(rest[index + 1])) as RegistryRecord }]
          : [],
      );
      return { revision: known, records };
    },

    async write({ expected, records, audit }) {
      const args = [
        channel,
        JSON.stringify(audit),
        String(expected.length),
        ...expected.flatMap((record) => [nameOf(record), String(record.revision)]),
        ...records.flatMap((record) => [nameOf(record), JSON.stringify(record)]),
      ];
      const trails = [trailOf(null), trailOf(audit.subject)];
      const revision = await asked(redis.run(WRITE, [...keys, ...trails], args, WRITE_MS), MAYBE_WRITTEN);
      return revision === -1 ? null : Number(revision);
    },

    async audit({ limit, before, subject }) {
      if (before !== null && !/^\d{1,15}-\d{1,15}$/.test(before)) return [];
      const newest = before === null ? '+' : `(${before}`;
      const rows = await asked(
        redis.command(['XREVRANGE', trailOf(subject), newest, '-', 'COUNT', String(limit)], AUDIT_MS),
      );
      return (rows as readonly Reply[]).map(rowOf);
    },

    watch(onChange) {
      const unsubscribe = redis.subscribe(channel, onChange, onChange);
      const look = async (): Promise<void> => {
        if (Number((await redis.command(['GET', key('revision')], LOOK_MS)) ?? 0) !== known) onChange();
      };
      // Redis that is away tells of itself when it comes back, and is looked at again meanwhile.
      const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS).unref();
      return () => {
        unsubscribe();
        clearInterval(timer);
      };
    },
  };
}

function rowOf(entry: Reply): AuditRow {
  const [seq, fields] = entry as readonly [string, readonly string[]];
  return { ...(JSON.parse(fields[1] ?? '') as AuditEntry), seq };
}

const AWAY = 'Tenants and keys cannot be read or changed now, because Redis does not answer. Try again later.';
const MAYBE_WRITTEN = 'Redis did not say whether the change was made: look before you ask for it again.';

async function asked(reply: Promise<Reply>, maybeDone = AWAY): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    if (!(error instanceof RedisFailure)) throw error;
    const message = error.maybeDone ? maybeDone : AWAY;
    throw new GatewayError('unavailable', message, { retryAfterSeconds: 5, code: 'store_unavailable' }, error);
  }
}
