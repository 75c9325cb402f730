import { randomUUID } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import { RedisFailure } from '../redis.ts';
import type { Redis, Reply } from '../redis.ts';
import type { CopiedTo, ToCopy } from './embedded-copy.ts';
import { LOAD, PUT_BACK, WRITE } from './redis-registry-scripts.ts';
import type { RegistryCopy } from './registry-copy.ts';
import { putBack } from './registry-merge.ts';
import { nameOf } from './registry-store.ts';
import type { AuditEntry, Loaded, RegistryRecord, RegistryStore, Stored } from './registry-store.ts';

const WRITE_MS = 1_000;
const LOAD_MS = 10_000;
const TRAIL_MS = 3_000;
const LOOK_MS = 500;
const TRAIL_AT_ONCE = 500;
/** What a lost message costs: a revocation holds everywhere within this time. */
const LOOK_EVERY_MS = 1_000;
/** Others put back what they know at the same time. */
const MOST_TRIES = 20;

export interface RedisRegistryOptions {
  readonly redis: Redis;
  /** Its keys begin with it. */
  readonly prefix: string;
  readonly copy: RegistryCopy;
  /** Redis had lost so many records, and was told them again. */
  readonly onRestored: (records: number) => void;
}

/**
 * Tenants and keys that several instances share. Each of them has a copy of its own: what is read is written down before it
 * counts, and a Redis that has lost something is told it before it takes a change from here. While Redis is away every verb
 * rejects with GatewayError `unavailable`, but for `recall` and `audit`, which tell what is known here.
 */
export function createRedisRegistry({ redis, prefix, copy, onRestored }: RedisRegistryOptions): RegistryStore {
  const key = (name: string): string => `${prefix}:${name}`;
  const keys = ['records', 'revisions', 'revision', 'tokens', 'audit'].map(key);
  const channel = key('changes');
  /** The last change that is known to be in Redis: were it not there, others would be missing too. */
  let known: CopiedTo = { revision: 0, token: '' };
  /** Up to where the registry was read. */
  let read = known;
  let trailedTo: string | null = null;
  /** What is known here may be missing there: the two are held against each other before anything else. */
  let isStray = false;

  let turn: Promise<unknown> = Promise.resolve();

  /** One after the other. */
  function load(since: number): Promise<Loaded> {
    const loaded = turn.then(() => loadNow(since));
    turn = loaded.catch(() => undefined);
    return loaded;
  }

  async function loadNow(since: number): Promise<Loaded> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const args = [isStray ? 0 : since, known.revision, known.token].map(String);
      const [now, token, isOther, ...rest] = (await asked(redis.run(LOAD, keys, args, LOAD_MS))) as readonly Reply[];
      const position = { revision: Number(now), token: String(token) };
      const records = storedOf(rest);
      isStray ||= isOther === 1;
      if (isStray && !(await isWhole(records, position))) continue;
      await followTrail(isStray);
      const isNews = records.length > 0 || position.revision !== read.revision || position.token !== read.token;
      if (isNews) await copy.write({ records, position });
      read = position;
      // A change of our own may have been written after this was read.
      if (isStray || position.revision >= known.revision) known = position;
      isStray = false;
      return { revision: position.revision, records };
    }
    throw new GatewayError('unavailable', 'Others keep putting back what Redis has lost. Try again in a moment.', {
      retryAfterSeconds: 1,
      code: 'busy',
    });
  }

  /** Whether nothing is missing there that is known here. What is, is put back, and has to be read again. */
  async function isWhole(theirs: readonly Stored[], { revision }: CopiedTo): Promise<boolean> {
    const lost = putBack((await copy.read()).records, theirs);
    const changes = lost.records.length + lost.removed.length;
    if (changes === 0 && revision >= known.revision) return true;
    const words = {
      records: lost.records.map(({ record, seen }) => [nameOf(record), JSON.stringify(record), seen]),
      removed: lost.removed.map((each) => [nameOf(each), each.seen]),
    };
    const args = [channel, randomUUID(), String(known.revision), JSON.stringify(words)];
    const isDone = (await asked(redis.run(PUT_BACK, keys, args, LOAD_MS))) !== 0;
    if (isDone && changes > 0) onRestored(changes);
    return false;
  }

  /** Copies what is new in the trail; all of it where it may be another one. */
  async function followTrail(fromStart: boolean): Promise<void> {
    trailedTo ??= (await copy.read()).trail;
    let from = fromStart ? '-' : trailedTo;
    for (let more = true; more;) {
      const range = ['XRANGE', key('audit'), from === '-' ? '-' : `(${from}`, '+', 'COUNT', String(TRAIL_AT_ONCE)];
      const trail = ((await asked(redis.command(range, TRAIL_MS))) as readonly Reply[]).map(rowOf);
      if (trail.length > 0) await copy.write({ trail });
      trailedTo = from = trail.at(-1)?.origin ?? from;
      more = trail.length === TRAIL_AT_ONCE;
    }
  }

  /** What is wiped here goes there. */
  async function wipe(): Promise<void> {
    const origins = await copy.wiped();
    for (let start = 0; start < origins.length; start += TRAIL_AT_ONCE)
      await asked(redis.command(['XDEL', key('audit'), ...origins.slice(start, start + TRAIL_AT_ONCE)], TRAIL_MS));
  }

  return {
    load,

    async recall() {
      const { position, trail, records } = await copy.read();
      known = read = position ?? known;
      trailedTo = trail;
      // Either never told to a Redis, or written there just before the end, and not known to have stayed.
      isStray = records.some(({ revision }) => revision > read.revision);
      return { revision: read.revision, records };
    },

    async write({ expected, records, audit, forgets }) {
      if (isStray && records.length > 0) return null;
      if (forgets !== undefined) await copy.mustHaveLanded(forgets.tenant);
      // A row of the trail alone rests on nothing that could be lost.
      const restsOn = records.length > 0 ? known : { revision: 0, token: '' };
      const token = randomUUID();
      const change = {
        expected: expected.map((record) => [nameOf(record), record.revision]),
        records: records.map((record) => [nameOf(record), JSON.stringify(record)]),
        removed: (forgets?.records ?? []).map(nameOf),
      };
      const args = [channel, JSON.stringify(audit), restsOn.revision, restsOn.token, token, JSON.stringify(change)];
      const revision = Number(await asked(redis.run(WRITE, keys, args.map(String), WRITE_MS), MAYBE_WRITTEN));
      if (revision < 0) return null;
      if (records.length === 0) return revision;
      known = { revision, token };
      if (forgets !== undefined) await followTrail(false);
      // Before anybody hears that it is done: should Redis forget it, this instance does not.
      await copy.write({ records: records.map((record) => ({ record, revision })) });
      if (forgets !== undefined) await wipe();
      return revision;
    },

    async audit(query) {
      try {
        await followTrail(false);
      } catch (error) {
        if (!(error instanceof GatewayError) || error.detail.code !== 'store_unavailable') throw error;
      }
      return copy.audit(query);
    },

    watch(onChange) {
      const unsubscribe = redis.subscribe(channel, onChange, onChange);
      const look = async (): Promise<void> => {
        const now = Number((await redis.command(['GET', key('revision')], LOOK_MS)) ?? 0);
        const token = await redis.command(['HGET', key('tokens'), String(now)], LOOK_MS);
        if (isStray || now !== read.revision || (token ?? '') !== read.token) onChange();
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

function storedOf(reply: readonly Reply[]): readonly Stored[] {
  return reply.flatMap((at, index) =>
    index % 2 === 0 ? [{ revision: Number(at), record: JSON.parse(String(reply[index + 1])) as RegistryRecord }] : [],
  );
}

function rowOf(entry: Reply): ToCopy['trail'][number] {
  const [origin, fields] = entry as readonly [string, readonly string[]];
  return { origin, entry: JSON.parse(fields[1] ?? '') as AuditEntry };
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
