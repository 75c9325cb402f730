import { RedisFailure } from '../redis.ts';
import type { Redis } from '../redis.ts';

/** What a Redis says of itself, as far as money can be trusted to it. */
export interface Fitness {
  /** Why it cannot be used, with what to do about it; null when it can. */
  readonly unfit: string | null;
  readonly warnings: readonly string[];
  /** How much of the last writes a crash of it may lose, in words. */
  readonly lossWindow: string;
  readonly uptimeSeconds: number;
}

const DEADLINE_MS = 5_000;
/** The first one whose scripts can be allowed to write when memory is full: what is spent must be written then too. */
const OLDEST_MAJOR = 7;
const LOSS = {
  always: 'nothing that was answered: every write is on its disk first (appendfsync always)',
  everysec: 'about the last second (appendfsync everysec)',
  no: 'what its system has not written yet, some 30 seconds (appendfsync no)',
} as const;

/** Asks a Redis whether money can be trusted to it. Rejects with RedisFailure when it cannot be asked. */
export async function examine(redis: Redis): Promise<Fitness> {
  const info = fieldsOf(await permitted(redis, ['INFO']));
  const settings = settingsOf(await permitted(redis, ['CONFIG', 'GET', 'save']));
  const fsync = settingsOf(await permitted(redis, ['CONFIG', 'GET', 'appendfsync']));
  const warnings: string[] = [];
  if (info.size === 0 || settings.size === 0)
    warnings.push(
      'Redis does not say how it is set up (INFO or CONFIG is forbidden): see that it has maxmemory-policy noeviction and appendonly yes.',
    );

  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  const version = info.get('redis_version') ?? '';
  let unfit: string | null = null;
  if (policy !== 'noeviction')
    unfit = `Redis evicts keys when memory is full (maxmemory-policy ${policy}), and with them budgets and charges. Set maxmemory-policy noeviction, or name another Redis under state.`;
  else if (version !== '' && Number.parseInt(version, 10) < OLDEST_MAJOR)
    unfit = `Redis ${version} is too old: it takes Redis ${OLDEST_MAJOR}.0 or later, or Valkey, to record what was spent when memory is full.`;

  const aof = info.get('aof_enabled') === '1';
  const rdb = (settings.get('save') ?? '') !== '';
  if (info.has('aof_enabled') && !aof && settings.size > 0 && !rdb)
    warnings.push(
      'Redis keeps nothing on disk (neither AOF nor RDB): after its restart nobody is admitted until the instances have told it what they know. Set appendonly yes.',
    );
  const everySecond = LOSS[(fsync.get('appendfsync') ?? 'everysec') as keyof typeof LOSS] ?? LOSS.everysec;
  const lossWindow = aof
    ? everySecond
    : rdb
      ? 'everything since its last snapshot, which may be minutes (RDB without AOF)'
      : info.has('aof_enabled')
        ? 'everything (no persistence)'
        : 'as much as its persistence says';
  return { unfit, warnings, lossWindow, uptimeSeconds: Number(info.get('uptime_in_seconds') ?? Infinity) };
}

/** The reply, or '' where a managed Redis forbids the question. */
async function permitted(redis: Redis, words: readonly string[]): Promise<unknown> {
  try {
    return await redis.command(words, DEADLINE_MS);
  } catch (error) {
    if (error instanceof RedisFailure && error.kind === 'refused' && error.code !== 'LOADING') return '';
    throw error;
  }
}

function fieldsOf(info: unknown): ReadonlyMap<string, string> {
  const lines = String(info)
    .split('\r\n')
    .filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function settingsOf(reply: unknown): ReadonlyMap<string, string> {
  const words = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ''] as const] : [])));
}
