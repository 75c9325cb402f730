import { randomUUID } from 'node:crypto';
import { RedisFailure, script } from '../redis.ts';
import type { Redis } from '../redis.ts';
import type { TaskRow } from './store.ts';

/*
 * What instances know of each other's tasks, in the Redis of the cache, where their answers are:
 *
 *   tasks:<tenant>          hash, by id: a JSON of r the record, o the instance that has it, k its retry or ''
 *   tasks-end:<tenant>      the same ids by their end
 *   tasks-retry:<tenant>    hash, by digest of an Idempotency-Key: the newest id under it; gone with that
 *   alive:<instance>        since when it is heard of without a pause; gone when it is not any more
 *
 * They go with a purge of their tenant's scope: redis-care.ts.
 */

/** An instance that is not heard of for so long has died. */
const ALIVE_MS = 30_000;
const BEAT_MS = 8_000;
/** Who has not itself been heard of for so long judges nobody: Redis may have been away for all of them. */
const SURE_MS = 20_000;
const KEEP_MS = 2_000;
const ASK_MS = 1_000;
/** Of one tenant, as many as an instance keeps. */
const MOST = 10_000;

const CLOCK = `
local t = redis.call('TIME')
local clock = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
`;

/** Takes one out of the books of its tenant: KEYS: tasks, ends, retries. */
const REMOVE = `
local function remove(id)
  local found = redis.call('HGET', KEYS[1], id)
  local retry = found and cjson.decode(found).k or ''
  if retry ~= '' and redis.call('HGET', KEYS[3], retry) == id then redis.call('HDEL', KEYS[3], retry) end
  redis.call('ZREM', KEYS[2], id)
  return redis.call('HDEL', KEYS[1], id)
end
`;

/** KEYS: alive. ARGV: ms. */
const BEAT = script(
  'task_beat',
  `#!lua flags=allow-oom
${CLOCK}
local since = redis.call('GET', KEYS[1]) or string.format('%.0f', clock)
redis.call('SET', KEYS[1], since, 'PX', ARGV[1])
return since
`,
);

/** KEYS: tasks, ends, retries. ARGV: id, record, instance, end, now, life, most, and the retry or ''. */
const KEEP = script(
  'task_keep',
  `#!lua
${REMOVE}
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[5], 'LIMIT', 0, 100)
if redis.call('ZCARD', KEYS[2]) - #over >= tonumber(ARGV[7]) then over[#over + 1] = redis.call('ZRANGE', KEYS[2], 0, 0)[1] end
for _, id in ipairs(over) do remove(id) end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode({ r = ARGV[2], o = ARGV[3], k = ARGV[8] }))
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
if ARGV[8] ~= '' then redis.call('HSET', KEYS[3], ARGV[8], ARGV[1]) end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[6]) then redis.call('PEXPIRE', key, ARGV[6]) end
end
return 1
`,
);

/** KEYS: tasks, ends, retries. ARGV: id. */
const DROP = script(
  'task_drop',
  `#!lua flags=allow-oom
${REMOVE}
return remove(ARGV[1])
`,
);

/**
 * KEYS: tasks, own alive. ARGV: id, the prefix of alive, ms of being sure. The record and whether its instance is gone: 1, 0.
 * The key of another's pulse has the hash tag of all.
 */
const FIND = script(
  'task_find',
  `#!lua
${CLOCK}
local found = redis.call('HGET', KEYS[1], ARGV[1])
if not found then return false end
local task = cjson.decode(found)
local since = tonumber(redis.call('GET', KEYS[2]) or clock)
local gone = clock - since >= tonumber(ARGV[3]) and redis.call('EXISTS', ARGV[2] .. task.o) == 0
return { task.r, gone and 1 or 0 }
`,
);

export interface RedisTasksOptions {
  readonly redis: Redis;
  readonly prefix: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly sureMs?: number;
  readonly aliveMs?: number;
}

interface Place {
  readonly tenant: string;
  readonly id: string;
}

interface SharedTask {
  readonly record: string;
  readonly isOrphaned: boolean;
}

/** Null: words of another version. */
function readPlace(message: string): Place | null {
  try {
    const place = JSON.parse(message) as Partial<Place> | null;
    return typeof place?.tenant === 'string' && typeof place.id === 'string'
      ? { tenant: place.tenant, id: place.id }
      : null;
  } catch {
    return null;
  }
}

/**
 * Rows of tasks for all instances. Nothing of it throws: a Redis that is away has said so itself. What it could not be
 * told, or has forgotten, it is told again when it is back, by whoever asks for `onLost`.
 */
export class RedisTasks {
  readonly #options: RedisTasksOptions;
  readonly #instance = randomUUID();
  readonly #timer: NodeJS.Timeout;
  readonly #losers = new Set<() => void>();
  /** Since when Redis says that it hears of this instance; null: it never did. */
  #since: string | null = null;
  #isBehind = false;
  #isClosed = false;

  constructor(options: RedisTasksOptions) {
    this.#options = options;
    const beat = (): void => void this.#beat();
    options.redis.watch({ connected: beat });
    this.#timer = setInterval(beat, Math.min(BEAT_MS, (options.aliveMs ?? ALIVE_MS) / 4)).unref();
    beat();
  }

  /** Whether other instances, and one that is started later, will know of it. */
  async keep({ id, tenant, record, endsAt, retry }: TaskRow & { readonly retry: string | null }): Promise<boolean> {
    const { redis, now } = this.#options;
    const life = Math.max(1, Math.ceil(endsAt - now()));
    const words = [id, record, this.#instance, endsAt, now(), life, MOST, retry ?? ''].map(String);
    const isKept = (await this.#tried(() => redis.run(KEEP, this.#books(tenant), words, KEEP_MS))) !== null;
    if (!isKept) this.#isBehind = true;
    return isKept;
  }

  drop({ tenant, id }: Place): void {
    void this.#tried(() => this.#options.redis.run(DROP, this.#books(tenant), [id], KEEP_MS));
  }

  /** Null: there is none. */
  async find({ tenant, id }: Place): Promise<SharedTask | 'unknown' | null> {
    const { redis, sureMs = SURE_MS } = this.#options;
    const keys = [this.#key('tasks', tenant), this.#key('alive', this.#instance)];
    const words = [id, this.#key('alive', ''), String(sureMs)];
    const answer = await this.#tried(async () => ({ found: await redis.run(FIND, keys, words, ASK_MS) }));
    if (answer === null) return 'unknown';
    const { found } = answer;
    if (!Array.isArray(found)) return null;
    return { record: String(found[0]), isOrphaned: found[1] === 1 };
  }

  async under(tenant: string, retry: string): Promise<string | null> {
    const { redis } = this.#options;
    const found = await this.#tried(() => redis.command(['HGET', this.#key('tasks-retry', tenant), retry], ASK_MS));
    return typeof found === 'string' ? found : null;
  }

  cancel(place: Place): void {
    const { redis } = this.#options;
    void this.#tried(() => redis.publish(this.#key('tasks', 'cancel'), JSON.stringify(place), ASK_MS));
  }

  onCancel(hear: (place: Place) => void): () => void {
    const onMessage = (message: string): void => {
      const place = readPlace(message);
      if (place !== null) hear(place);
    };
    return this.#options.redis.subscribe(this.#key('tasks', 'cancel'), onMessage, () => undefined);
  }

  /** Hears that Redis does not know all any more that it was told, until the function is called. */
  onLost(hear: () => void): () => void {
    this.#losers.add(hear);
    return () => this.#losers.delete(hear);
  }

  /** Its tasks have ended by then: nobody needs to know that it has. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  async #beat(): Promise<void> {
    if (this.#isClosed) return;
    const { redis, aliveMs = ALIVE_MS } = this.#options;
    const keys = [this.#key('alive', this.#instance)];
    const since = await this.#tried(() => redis.run(BEAT, keys, [String(aliveMs)], ASK_MS));
    if (since === null) return;
    // Whoever lost the pulse may have lost the rows.
    const isLost = this.#isBehind || (this.#since !== null && this.#since !== String(since));
    this.#since = String(since);
    this.#isBehind = false;
    if (isLost && !this.#isClosed) for (const hear of this.#losers) hear();
  }

  #books(tenant: string): string[] {
    return [this.#key('tasks', tenant), this.#key('tasks-end', tenant), this.#key('tasks-retry', tenant)];
  }

  #key(what: string, of: string): string {
    return `${this.#options.prefix}${what}:${of}`;
  }

  async #tried<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RedisFailure) return null;
      throw error;
    }
  }
}
