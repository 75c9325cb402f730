import { hash } from 'node:crypto';
import type { Leases } from '../cache/leases.ts';
import type { LinkSigner, Secrets } from '../cache/link-signature.ts';
import { BytesInRedis } from '../cache/redis-bytes.ts';
import type { SharedBytes } from '../cache/redis-bytes.ts';
import { RedisStore } from '../cache/redis-store.ts';
import type { RedisTrouble } from '../cache/redis-options.ts';
import { BytesInS3 } from '../cache/s3-bytes.ts';
import { RedisTasks } from '../cache/redis-tasks.ts';
import { shareLinkSecret } from '../cache/shared-secret.ts';
import type { Bounds, Selection } from '../cache/store.ts';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { openRedis, openRedisBytes, RedisFailure } from '../redis.ts';
import type { Redis } from '../redis.ts';
import { openLeases } from './leases.ts';

export interface SharedCacheOptions {
  readonly config: Config['cache'];
  readonly redis: NonNullable<Config['cache']['redis']>;
  readonly realm: 'live' | 'simulator';
  readonly bounds: (maxBytes: number) => Bounds;
  readonly now: () => number;
  readonly onNews: (selection: Selection) => void;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** To be raised when what an older version keeps could not be read by this one: both then have a cache of their own. */
const VERSION = 1;
/** Nobody waits longer at the start for a Redis that is away: it is sought for ever. */
const CONNECT_MS = 1_000;
const ASK_MS = 2_000;
const PROBE_MS = 5_000;

export interface SharedCache {
  readonly store: RedisStore;
  /** Closed with the store. */
  readonly leases: Leases;
  /** Closed with the store. */
  readonly tasks: RedisTasks;
  /** From now on its links are signed with what all instances sign with. */
  agreeOn(signer: LinkSigner, keep: (secrets: Secrets) => Promise<void>): Promise<void>;
}

/** The cache that instances share. Its connections are its own: what is long or late there keeps no budget waiting. */
export async function openSharedCache(options: SharedCacheOptions): Promise<SharedCache> {
  const { config, redis: address, realm, bounds, now, onNews, log, metrics } = options;
  const redis = openRedis(address.url);
  const { prefix, bytes } = placesOf(address.url, config, realm);
  const leases = openLeases(redis, prefix, { log, metrics });
  const tasks = new RedisTasks({ redis, prefix, now });
  let endAgreement = (): void => undefined;
  const heads = bounds(config.redisBytes);
  const { maxBytes, scopeBytes } = config.s3 === null ? heads : bounds(config.s3Bytes);
  const store = new RedisStore({
    redis,
    bytes,
    prefix,
    maxBytes,
    scopeBytes,
    maxWords: heads.maxBytes,
    scopeWords: heads.scopeBytes,
    now,
    onEvict: (reason) => metrics.evicted('redis', reason),
    onNews,
    onTrouble(trouble, cause) {
      if (trouble.endsWith('_failed')) metrics.cache('error', 'redis');
      log.warn(WORDS[trouble], { ...(cause !== undefined && { reason: wordsOf(cause) }) });
    },
    onOperation(operation, outcome, seconds) {
      const where = operation === 'blob' && config.s3 !== null ? 's3' : 'redis-cache';
      metrics.storeOp(where, operation, outcome, seconds);
    },
    // What was still to be written is there by now, and those who wait for it are told.
    async onClosed() {
      endAgreement();
      tasks.close();
      await leases.close();
      await redis.close();
    },
  });
  await connected(redis);
  void advise(redis, config.redisBytes, log);
  if (bytes instanceof BytesInS3)
    bytes.probe(PROBE_MS).catch((error: unknown) => log.warn(ADVICE, { reason: wordsOf(error) }));
  return {
    store,
    leases,
    tasks,
    async agreeOn(signer, keep) {
      const onTrouble = (cause: unknown): void =>
        log.warn('links: those of other instances cannot be told to be genuine here', { reason: wordsOf(cause) });
      endAgreement = await shareLinkSecret({ redis, prefix, signer, keep, onTrouble });
    },
  };
}

/** Books of another place speak of other bytes: each has a cache of its own. */
function placesOf(
  url: string,
  { s3 }: Config['cache'],
  realm: SharedCacheOptions['realm'],
): { readonly prefix: string; readonly bytes: SharedBytes } {
  const prefix = `{plantain}:${realm}:cache:${VERSION}:`;
  if (s3 === null) return { prefix, bytes: new BytesInRedis(openRedisBytes(url), prefix) };
  const place = hash('sha256', `${s3.url}/${s3.prefix}`).slice(0, 16);
  return { prefix: `${prefix}s3:${place}:`, bytes: new BytesInS3({ ...s3, prefix: `${s3.prefix}${realm}/` }) };
}

const ADVICE =
  'cache: the object store of cache.bytes cannot be used yet: see that its bucket exists, that S3_ENDPOINT and AWS_REGION lead to it, and that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY may list the bucket, and get, put and delete its objects';

const WORDS = {
  books_failed: 'cache: its Redis does not answer; pictures are served from memory or drawn',
  books_again: 'cache: its Redis answers again',
  bytes_failed: 'cache: shared pictures cannot be read; they are served from memory or drawn',
  bytes_again: 'cache: shared pictures can be read again',
  writes_failed: 'cache: pictures cannot be shared; they are kept in memory only',
  writes_again: 'cache: pictures are shared again',
} as const satisfies Record<RedisTrouble, string>;

async function connected(redis: Redis): Promise<void> {
  const endsAt = performance.now() + CONNECT_MS;
  while (redis.trouble() !== null && performance.now() < endsAt) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Says what of its Redis does not fit a cache. One that is away, or does not tell, is asked no more. */
async function advise(redis: Redis, redisBytes: number, log: Log): Promise<void> {
  try {
    const info = String(await redis.command(['INFO', 'memory'], ASK_MS));
    const field = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
    const maxBytes = Number(field('maxmemory'));
    if (field('maxmemory_policy') !== 'noeviction' || maxBytes === 0 || maxBytes > redisBytes) return;
    log.warn(
      'cache: its Redis evicts nothing (maxmemory-policy noeviction) and is full before cache.redisBytes: set allkeys-lru there, or a lower bound here',
      { reason: `maxmemory ${maxBytes}, cache.redisBytes ${redisBytes}` },
    );
  } catch (error) {
    if (!(error instanceof RedisFailure)) throw error;
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
