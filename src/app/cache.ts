import { join } from 'node:path';
import { KeptAnswers } from '../cache/answers.ts';
import { DiskStore } from '../cache/disk-store.ts';
import type { DiskTrouble } from '../cache/disk-store.ts';
import { Entries } from '../cache/entry.ts';
import { IdempotencyKeys } from '../cache/idempotency.ts';
import { KeptFiles } from '../cache/kept-files.ts';
import type { Leases } from '../cache/leases.ts';
import { MemoryStore } from '../cache/memory-store.ts';
import { Links } from '../cache/links.ts';
import { createLinkSigner } from '../cache/link-signature.ts';
import type { LinkSigner, Secrets } from '../cache/link-signature.ts';
import { createRenditions } from '../cache/renditions.ts';
import type { Renditions } from '../cache/renditions.ts';
import { Signatures } from '../cache/signatures.ts';
import { Shelf } from '../cache/shelf.ts';
import type { EntryTrouble } from '../cache/shelf.ts';
import type { CacheAdmin, EntryStore, TaskRow } from '../cache/store.ts';
import { memoryTexts } from '../cache/texts.ts';
import type { Config } from '../config.ts';
import type { Answer } from '../image/answer.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { SharedTaskBook, TaskBook } from '../tasks/ports.ts';
import type { JsonObject } from '../wire/json.ts';

export interface CacheParts {
  readonly entries: Entries;
  readonly renditions: Renditions;
  readonly links: Links;
  readonly signatures: Signatures;
  readonly idempotencyKeys: IdempotencyKeys;
  /** What tenants uploaded. */
  readonly files: KeptFiles;
  /** Signs links, and what else is its own credential. */
  readonly signer: LinkSigner;
  /** Answers of tasks, and what is known of these over a restart. */
  readonly answers: KeptAnswers;
  readonly taskBook: TaskBook & { rows(): Promise<readonly TaskRow[]> };
  /** The same, where instances share it; null: this one is alone. */
  readonly sharedTasks: (TaskBook & SharedTaskBook) | null;
  /** Null: no other instance shares the store. */
  readonly leases: Leases | null;
  readonly admin: CacheAdmin;
  /** Bytes, by tier. */
  held(): readonly { readonly tier: string; readonly bytes: number }[];
  close(): Promise<void>;
}

export interface CacheOptions {
  readonly config: Config['cache'];
  /** How long thought signatures are kept; 0: not at all. */
  readonly signatureDays: number;
  /** Whether several scopes have something cached in it, or may have. */
  readonly isShared: boolean;
  readonly simulator: boolean;
  /** The data directory, or the simulator's realm in it. */
  readonly realm: string;
  readonly parseAnswer: (words: JsonObject) => Answer;
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly links: {
    readonly secrets: Secrets;
    /** Keeps what instances have agreed on; null: it is configured, for all of them. */
    readonly keepSecrets: ((secrets: Secrets) => Promise<void>) | null;
    readonly base: () => string | null;
    readonly isTenant: (id: string) => boolean;
  };
}

const DAY_SECONDS = 86_400;
/** Some 20,000 keys. */
const IDEMPOTENCY_BYTES = 8 << 20;
/** Where several scopes share a store none of them has more than half of it. */
const FAIR_SHARE = 0.5;
const FIRST_SWEEP_MS = 3_000;
const SWEEP_EVERY_MS = 60_000;

/** The stores of the cache, and those who use them. */
export async function openCache(options: CacheOptions): Promise<CacheParts> {
  const { config, isShared, simulator, realm, parseAnswer, now, log, metrics } = options;
  const bounds = (maxBytes: number) => ({
    maxBytes,
    scopeBytes: isShared ? Math.floor(maxBytes * FAIR_SHARE) : maxBytes,
  });
  const memory = new MemoryStore({
    ...bounds(config.memoryBytes),
    now,
    onEvict: (reason) => metrics.evicted('memory', reason),
  });
  const disk =
    config.store !== 'disk'
      ? null
      : new DiskStore({
          ...bounds(config.diskBytes),
          directory: join(realm, 'cache'),
          now,
          onEvict: (reason) => metrics.evicted('disk', reason),
          onTrouble(trouble, cause) {
            if (trouble.endsWith('_failed')) metrics.cache('error', 'disk');
            log.warn(DISK_WORDS[trouble], { ...(cause !== undefined && { reason: wordsOf(cause) }) });
          },
          onOperation: (operation, outcome, seconds) => metrics.storeOp('disk', operation, outcome, seconds),
        });
  // What others tell before there is a shelf is about nothing that lies here.
  let shelf: Shelf | null = null;
  const shared =
    config.redis === null
      ? null
      : await (
          await import('./shared-cache.ts')
        ).openSharedCache({
          config,
          redis: config.redis,
          realm: simulator ? 'simulator' : 'live',
          bounds,
          now,
          onNews: (selection) => void shelf?.forget(selection),
          log,
          metrics,
        });
  const signer = createLinkSigner(options.links.secrets);
  const { keepSecrets } = options.links;
  if (shared !== null && keepSecrets !== null) await shared.agreeOn(signer, keepSecrets);
  const stores: readonly EntryStore[] = [memory, disk, shared?.store ?? null].filter((store) => store !== null);

  const onTrouble = (trouble: EntryTrouble, cause?: unknown): void => {
    metrics.cache('error');
    log.fault('cache: an entry could not be had or kept', cause, { trouble });
  };
  const whole = new Shelf({ tiers: stores, now, onTrouble });
  shelf = whole;
  const idempotencyKeys = new IdempotencyKeys({
    first: memoryTexts(IDEMPOTENCY_BYTES),
    now,
    onClaim: (claim) => disk?.keepClaim(claim),
    shared: shared?.store ?? null,
  });
  if (disk !== null) idempotencyKeys.restore(await disk.claims());

  const signatures = new Signatures({
    shelf: whole,
    ttlSeconds: options.signatureDays * DAY_SECONDS,
    isShared: shared !== null,
    now,
  });
  const admin: CacheAdmin = {
    stats: () => whole.stats(),
    async purge(selection) {
      const { name, ...others } = selection;
      // The picture of an answer lies beside it once more, for conversations.
      const twin = name === undefined ? null : await signatures.twinOf(name);
      const purged = await whole.purge(selection);
      if (twin === null || purged.entries === 0) return purged;
      const more = await whole.purge({ ...others, name: twin });
      return { entries: purged.entries + more.entries, bytes: purged.bytes + more.bytes };
    },
  };

  // A store that is down has said so.
  const sweep = (): void => stores.forEach((store) => void store.sweep().catch(() => undefined));
  const timers = [setTimeout(sweep, FIRST_SWEEP_MS).unref(), setInterval(sweep, SWEEP_EVERY_MS).unref()];
  return {
    held() {
      const own = [memory, disk].filter((store) => store !== null);
      return [...own.map(({ tier, byteLength }) => ({ tier, bytes: byteLength })), ...(shared?.store.held ?? [])];
    },
    entries: new Entries({ shelf: whole, parseAnswer, now, onTrouble, graceSeconds: config.staleIfErrorSeconds }),
    renditions: createRenditions({ shelf: whole, now }),
    links: new Links({
      shelf: whole,
      signer,
      base: options.links.base,
      isTenant: options.links.isTenant,
      now,
      count: metrics.link,
    }),
    signatures,
    idempotencyKeys,
    answers: new KeptAnswers({ shelf: whole, now }),
    files: new KeptFiles({ shelf: whole, now }),
    signer,
    taskBook: {
      keep: async (row) => (await (shared?.tasks.keep(row) ?? disk?.keepTask(row))) ?? false,
      drop(place) {
        shared?.tasks.drop(place);
        disk?.dropTask(place.id);
      },
      rows: async () => (await disk?.tasks()) ?? [],
    },
    sharedTasks: shared?.tasks ?? null,
    leases: shared?.leases ?? null,
    admin,
    async close() {
      timers.forEach(clearTimeout);
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

const DISK_WORDS = {
  catalogue_failed: 'cache: the disk does not answer; pictures are served from memory or drawn',
  catalogue_again: 'cache: the disk answers again',
  blobs_failed: 'cache: pictures on disk cannot be read; they are served from memory or drawn',
  blobs_again: 'cache: pictures on disk can be read again',
  writes_failed: 'cache: pictures cannot be kept on disk; they are kept in memory only',
  writes_again: 'cache: pictures are kept on disk again',
  made_anew: 'cache: what was on disk is gone or could not be read; it begins empty',
} as const satisfies Record<DiskTrouble, string>;

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
