import type { AutoRule } from '../image/auto.ts';
import type { Model } from '../image/model.ts';
import type { SafetyFloor } from '../image/safety.ts';
import type { Tier } from '../image/size.ts';

/** Everything the process is told from outside, checked and frozen. */
export interface Config {
  /** `named`: by --config or PLANTAIN_CONFIG. Otherwise it is the shipped file. */
  readonly source: { readonly file: string; readonly named: boolean };
  readonly listen: Address;
  readonly operations: Address;
  readonly admin: AdminConfig;
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly links: LinksConfig;
  /** Addresses and CIDR ranges of the proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** Of the pages that may call from a browser; `*`: all. */
  readonly cors: { readonly origins: readonly string[] };
  /** Absolute. */
  readonly dataDir: string;
  readonly logLevel: LogLevel;
  readonly bounds: {
    readonly bodyBytes: number;
    readonly bytesInFlight: number;
    readonly detachedPerTenant: number;
    readonly inTheAir: number;
    readonly queue: { readonly length: number; readonly waitMs: number };
  };
  /** `defaultModel` is the id of one of the models, or `auto`. */
  readonly images: { readonly defaultFormat: 'vendor' | 'png'; readonly defaultModel: string };
  readonly cache: {
    readonly store: 'memory' | 'disk' | 'redis';
    /** Where `store` is redis. `url` may hold a password. */
    readonly redis: { readonly url: string; readonly shown: string } | null;
    readonly when: CacheWhen;
    readonly ttlSeconds: number;
    /** How long past their time pictures are kept, to stand in while nobody can draw; 0: not at all. */
    readonly staleIfErrorSeconds: number;
    readonly onDisconnect: OnDisconnect;
    readonly memoryBytes: number;
    readonly diskBytes: number;
    readonly redisBytes: number;
    /** Where the bytes of pictures are, if not in that Redis itself. */
    readonly s3: S3Config | null;
    readonly s3Bytes: number;
  };
  readonly tasks: {
    readonly keepSeconds: number;
    readonly inTheAir: number;
    readonly inTheAirPerTenant: number;
    readonly bytesPerTenant: number;
  };
  readonly files: {
    readonly keepSeconds: number;
    readonly bytesPerFile: number;
    readonly bytesPerTenant: number;
    readonly perTenant: number;
  };
  /** Pictures that requests only name. `hosts`: none for every public one. */
  readonly remoteImages: {
    readonly enabled: boolean;
    readonly hosts: readonly string[];
    readonly bytes: number;
    readonly timeoutMs: number;
  };
  /** Where budgets, limits and leases live: in the data directory, or in a Redis. `url` may hold a password. */
  readonly state: 'embedded' | { readonly url: string; readonly shown: string };
  /** Those that can be used: with a key, or the built-in simulator. */
  readonly upstreams: readonly UpstreamConfig[];
  /** Those with a target on one of the upstreams, and with no other targets. */
  readonly models: readonly Model[];
  /** What `auto` stands for, among those models; empty: nothing. */
  readonly auto: readonly AutoRule[];
  readonly tenants: readonly TenantConfig[];
  /** Those some tenant may belong to. */
  readonly organisations: readonly OrganisationConfig[];
  /** For everything that is spent. */
  readonly budgets: readonly BudgetConfig[];
  readonly alerts: AlertsConfig;
  /** In days. */
  readonly retention: { readonly signatureDays: number; readonly ledgerDays: number; readonly unknownDays: number };
  /** The built-in simulator draws, and nothing else does. */
  readonly simulator: boolean;
  /** One sentence for each thing that was left out. */
  readonly warnings: readonly string[];
}

export interface S3Config {
  /** As it was written: s3://bucket/prefix. */
  readonly shown: string;
  /** Of the bucket, without a slash at its end. */
  readonly url: string;
  /** Before the name of every object; '' or with a slash at its end. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface LinksConfig {
  /** What links to pictures begin with, without a trailing slash; null: nobody has said how callers reach this gateway. */
  readonly base: string | null;
  /** Nobody has, and only this machine can reach it: then it is where the API listens. */
  readonly followsListener: boolean;
  /** What they are signed with, the current secret first. Empty: with one of the data directory. */
  readonly secrets: readonly string[];
}

export interface AdminConfig extends Address {
  /** Of the admin key, in lower-case hex; null: there is none, and the port stays closed. */
  readonly keySha256: string | null;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type OnDisconnect = 'finish' | 'cancel';

export type CacheWhen = 'repeatable' | 'always' | 'never';

/** The base URL that means the built-in simulator. */
export const SIMULATOR_URL = 'simulator:';

export interface UpstreamConfig {
  readonly id: string;
  readonly kind: 'gemini';
  /** Scheme, host and path prefix without a trailing slash; or `simulator:`. */
  readonly baseUrl: string;
  readonly auth: 'x-goog-api-key' | 'bearer';
  /** At least one. */
  readonly keys: readonly string[];
  readonly answerWithinMs: Deadline;
  readonly abandonAfterMs: Deadline;
  readonly connectMs: number;
  /** Null: as long as the whole answer may take. */
  readonly firstByteMs: number | null;
  /** Between two bytes of an answer. */
  readonly idleMs: number;
  /** Tiers it spells in its own way. */
  readonly sizeNames: Readonly<Partial<Record<Tier, string>>>;
  /** The largest reply that is read. */
  readonly replyBytes: number;
  /** How often a call that cannot have cost anything is made again, before the next target is asked. */
  readonly repeats: number;
  /** Whether it is left alone while it fails, and its keys rest when they are refused. */
  readonly breaker: boolean;
}

/** Milliseconds, for all tiers or by tier. */
export type Deadline = number | Readonly<Partial<Record<Tier, number>>>;

export interface TenantConfig extends TenantSettings {
  readonly id: string;
  readonly keys: readonly KeyConfig[];
}

export interface TenantSettings {
  /** Ids of models; null: all. */
  readonly models: readonly string[] | null;
  /** The id of one of the organisations. */
  readonly organisation: string | null;
  readonly budgets: readonly BudgetConfig[];
  readonly limits: LimitsConfig | null;
  /** The laxest safety threshold its requests may set; null: any. */
  readonly safetyFloor: SafetyFloor | null;
  /** Null: as the gateway's own cache settings say. */
  readonly cache: {
    readonly scope: string;
    readonly when: CacheWhen | null;
    readonly ttlSeconds: number | null;
    /** Absent: as the model or the gateway says. */
    readonly onDisconnect?: OnDisconnect | undefined;
  };
}

/** Null: as much as it likes. */
export interface LimitsConfig {
  readonly requestsPerMinute: number | null;
  readonly imagesPerMinute: number | null;
  readonly concurrentImages: number | null;
  readonly mode: 'enforce' | 'shadow' | 'off';
}

export interface KeyConfig extends KeySettings {
  /** In lower-case hex. */
  readonly sha256: string;
  /** Names the key without giving it away. */
  readonly id: string;
  readonly revoked: boolean;
}

export interface KeySettings {
  /** Unix ms; null: never. */
  readonly expiresAt: number | null;
  /** Ids of models, all of them its tenant's; null: as its tenant. */
  readonly models: readonly string[] | null;
  readonly budgets: readonly BudgetConfig[];
  /** Null: as its tenant. */
  readonly cache: CacheWhen | null;
}

export interface OrganisationConfig {
  readonly id: string;
  readonly budgets: readonly BudgetConfig[];
}

export interface AlertsConfig {
  /** Shares of a limit, above 0 and at most 1, rising. */
  readonly thresholds: readonly number[];
  /** The URL and the secret are both secret: many a webhook's address is its credential. */
  readonly webhook: { readonly url: string; readonly secret: string | null } | null;
}

export interface BudgetConfig {
  readonly limitUsd: number;
  readonly per: 'day' | 'month' | 'total';
  /** IANA name. */
  readonly timeZone: string;
  /** Ids of models that count; null: all. */
  readonly models: readonly string[] | null;
}

/** Milliseconds for a picture of that tier. A tier that is not named, or not known, gets the longest. */
export function deadlineMs(deadline: Deadline, tier: Tier | null): number {
  if (typeof deadline === 'number') return deadline;
  return (tier === null ? undefined : deadline[tier]) ?? Math.max(...Object.values(deadline));
}
