import { Type } from 'typebox';
import type { Static } from 'typebox';
import { trustProxy } from './schema/limits.ts';
import { model } from './schema/model.ts';
import { alerts } from './schema/alerts.ts';
import { auto } from './schema/auto.ts';
import { cors } from './schema/cors.ts';
import { remoteImages } from './schema/remote.ts';
import { retention } from './schema/retention.ts';
import { budgets, organisation, tenant } from './schema/tenant.ts';
import {
  address,
  bytes,
  host,
  integer,
  object,
  onDisconnect,
  port,
  section,
  ttlSeconds,
  when,
} from './schema/terms.ts';
import { upstream } from './schema/upstream.ts';
import { LOG_LEVELS } from './shape.ts';

/*
 * The source of config/plantain.schema.json, which validates the file and helps editors: `npm run schema` writes it. The
 * process reads that and takes nothing but types from here and from schema/: to build the schema at every start would
 * cost more than all the rest of the configuration.
 *
 * What has a `default` may be left out of the file and is there after validation. `errorMessage` replaces the
 * validator's own words, in editors too.
 */

export const CONFIG_SCHEMA = object({
  listen: section('The API, /livez, /readyz, /healthz.', { host: host(), port: port(8080) }),
  operations: section('/metrics, /livez, /readyz.', { host: host(), port: port(9464) }),
  admin: section('The admin API; off until PLANTAIN_ADMIN_KEY is set.', { host: host(), port: port(9465) }),
  publicUrl: Type.Optional(
    address('The address callers know, with which links to pictures begin; absent: where the API listens.'),
  ),
  trustProxy,
  cors,
  dataDir: Type.String({
    minLength: 1,
    default: './data',
    description: 'Where the ledger and the pictures live; relative to the working directory.',
  }),
  logLevel: Type.Enum([...LOG_LEVELS], {
    default: 'info',
    description: 'The least that is logged.',
  }),
  state: Type.String({
    default: 'embedded',
    description:
      'Where budgets, limits and leases live. embedded: in the data directory, for one process; redis://host:6379: in a Redis that several of them share.',
  }),
  bounds: section('Limits of the process.', {
    bodyBytes: bytes(64 << 20, 'The largest request body.'),
    bytesInFlight: bytes(256 << 20, 'All bodies and replies held at one time.'),
    detachedPerTenant: integer(1, 100_000, 'Pictures of a tenant being drawn that nobody waits for any more.', {
      default: 64,
    }),
    inTheAir: integer(1, 1_000_000, 'Calls to upstreams at one time.', { default: 5_000 }),
    queue: section('Pictures that wait for one of those calls to end.', {
      length: integer(0, 1_000_000, 'How many; above it they are refused.', { default: 1_000 }),
      waitMs: integer(1, 600_000, 'How long each.', { default: 5_000 }),
    }),
  }),
  images: section('What is drawn and delivered unless told otherwise.', {
    defaultFormat: Type.Enum(['vendor', 'png'], {
      default: 'vendor',
      description: 'vendor: the bytes that came; png: transcoded.',
    }),
    defaultModel: Type.String({
      minLength: 1,
      default: 'gemini-3.1-flash-image',
      description: 'For callers who name no model. auto: as the rules under auto choose.',
    }),
  }),
  cache: section('The picture cache.', {
    store: Type.String({
      default: 'disk',
      description:
        'Where pictures are kept. memory: there only; disk: also in the data directory; redis: also in a Redis that instances share, at REDIS_CACHE_URL, else at that of state; redis://host:6379: in that one.',
    }),
    when: when({ default: 'repeatable' }),
    ttlSeconds: ttlSeconds({ default: 604_800 }),
    staleIfErrorSeconds: integer(
      0,
      315_360_000,
      'How long past its time a picture is kept, to be answered while nobody can draw it, and marked as such; 0: not at all. In seconds.',
      { default: 0 },
    ),
    onDisconnect: onDisconnect({ default: 'finish' }),
    memoryBytes: bytes(256 << 20, 'The most it holds in memory.'),
    diskBytes: bytes(10 * 2 ** 30, 'The most it holds on disk.'),
    redisBytes: bytes(2 ** 30, 'The most it holds in Redis, of all instances together.'),
    bytes: Type.Optional(
      Type.String({
        description:
          's3://bucket/prefix: with store redis, the bytes of pictures are in an object store, found by S3_ENDPOINT and the AWS_ variables of the environment.',
      }),
    ),
    s3Bytes: bytes(100 * 2 ** 30, 'The most it holds in the object store.'),
  }),
  tasks: section('Pictures asked for with Prefer: respond-async.', {
    keepSeconds: integer(60, 604_800, 'How long an answer waits to be collected.', { default: 3_600 }),
    inTheAir: integer(1, 100_000, 'Tasks being drawn at one time.', { default: 1_024 }),
    inTheAirPerTenant: integer(1, 100_000, 'Those of one tenant.', { default: 128 }),
    bytesPerTenant: bytes(2 ** 30, 'Answers of one tenant that are kept, with those to come.'),
  }),
  files: section('What tenants upload, to name it in their requests.', {
    keepSeconds: integer(60, 2_592_000, 'How long a file is kept.', { default: 172_800 }),
    bytesPerFile: integer(1, 50 << 20, 'The most bytes of one file: what names it carries it as base64.', {
      default: 48 << 20,
    }),
    bytesPerTenant: bytes(2 ** 30, 'The most bytes of all files of one tenant.'),
    perTenant: integer(1, 10_000, 'The most files of one tenant.', { default: 1_000 }),
  }),
  remoteImages,
  upstreams: Type.Array(upstream, {
    minItems: 1,
    description: 'Who draws.',
    default: [
      {
        id: 'wisdom-gate',
        baseUrl: 'https://api.wisgate.ai',
        keyFrom: 'WISDOM_GATE_KEY',
        answerWithinMs: 35_000,
        abandonAfterMs: 180_000,
      },
      { id: 'google', baseUrl: 'https://generativelanguage.googleapis.com', keyFrom: 'GEMINI_API_KEY' },
    ],
  }),
  models: Type.Array(model, {
    default: [],
    description: 'Merged by id over the built-in list; a field given here replaces the built-in one.',
  }),
  auto,
  tenants: Type.Array(tenant, { default: [], description: 'Who may ask, and what they may spend.' }),
  organisations: Type.Array(organisation, { default: [], description: 'Budgets that several tenants share.' }),
  budgets: budgets('Each of them holds for everything this gateway spends.'),
  alerts,
  retention,
});

/** The file after validation: every default filled in. */
export type ConfigFile = Static<typeof CONFIG_SCHEMA>;

/** As it is written down: what has a default is not required. */
export function jsonSchema(): object {
  const relaxed: unknown = JSON.parse(JSON.stringify(CONFIG_SCHEMA), (_key, value: unknown) => {
    if (!isSchemaOfObject(value)) return value;
    const required = value.required.filter((name) => value.properties[name]?.default === undefined);
    const { required: _, ...rest } = value;
    return required.length > 0 ? { ...rest, required } : rest;
  });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of Plantain',
    ...(relaxed as object),
  };
}

interface SchemaOfObject {
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, { readonly default?: unknown }>>;
}

function isSchemaOfObject(value: unknown): value is SchemaOfObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    'properties' in value &&
    Array.isArray((value as { required?: unknown }).required)
  );
}
