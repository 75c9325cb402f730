import { Tasks } from '../../src/tasks/tasks.ts';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { Entries } from '../../src/cache/entry.ts';
import { Flights } from '../../src/cache/flights.ts';
import { IdempotencyKeys } from '../../src/cache/idempotency.ts';
import { KeptFiles } from '../../src/cache/kept-files.ts';
import { createLinkSigner } from '../../src/cache/link-signature.ts';
import { Links } from '../../src/cache/links.ts';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import { createRenditions } from '../../src/cache/renditions.ts';
import { Signatures } from '../../src/cache/signatures.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { memoryTexts } from '../../src/cache/texts.ts';
import type { Dialect } from '../../src/dialects/dialect.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { openaiImages } from '../../src/dialects/openai-images/dialect.ts';
import { Files } from '../../src/files/files.ts';
import { Uploads } from '../../src/files/uploads.ts';
import { createByteBudget } from '../../src/http/byte-budget.ts';
import { Regions } from '../../src/wire/regions.ts';
import { createServer } from '../../src/http/server.ts';
import type { ServerParts } from '../../src/http/server.ts';
import { USUAL_RULES } from '../../src/image/auto.ts';
import { BUILT_IN_MODELS } from '../../src/image/model.ts';
import { createLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createKeyRing, keyDigest } from '../../src/tenants/authenticate.ts';
import type { KeyEntry } from '../../src/tenants/authenticate.ts';
import { KeyPauses } from '../../src/tenants/pause.ts';
import { RateCounter } from '../../src/tenants/rate-counter.ts';
import { Bulkhead } from '../../src/upstreams/bulkhead.ts';
import { createRouter } from '../../src/upstreams/router.ts';
import { idleBookkeeping } from '../support/idle-bookkeeping.ts';

export const KEY = 'sk-small-server';
export const REVOKED_KEY = 'sk-small-revoked';

export interface SmallServer {
  readonly url: string;
  readonly app: FastifyInstance;
  readonly logged: () => string;
  close(): Promise<void>;
}

/** The API port alone, with nobody behind it who draws: for what never gets so far. */
export async function startSmallServer(
  options: {
    readonly dialects?: readonly Dialect[];
    readonly closing?: AbortSignal;
  } = {},
): Promise<SmallServer> {
  const none = (): number => 0;
  const metrics = createMetrics({
    version: 'test',
    simulator: false,
    store: 'embedded',
    gauges: {
      cacheBytes: () => [],
      flights: none,
      queued: none,
      waiters: none,
      detached: () => 0,
      tasks: () => 0,
      bytesInFlight: none,
      keysPaused: none,
      stateUp: () => true,
      untold: none,
      budgets: () => Promise.resolve([]),
    },
  });
  let lines = '';
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      lines += line.toString();
      done();
    },
  });
  const store = new MemoryStore({ maxBytes: 1 << 20, scopeBytes: 1 << 20, now: Date.now, onEvict: none });
  const shelf = new Shelf({ tiers: [store], now: Date.now, onTrouble: none });
  const signer = createLinkSigner(['a secret of the small server alone']);
  const kept = new KeptFiles({ shelf, now: Date.now });
  const files = new Files({
    isTenant: () => true,
    store: kept,
    now: Date.now,
    keepMs: 60_000,
    bytesPerFile: 1 << 16,
    bytesPerTenant: 1 << 18,
    perTenant: 10,
  });
  const signing = {
    sign: (text: string, expires: number) => signer.sign('upload', text, expires),
    isGenuine: (text: string, expires: number, signature: string) =>
      signer.isGenuine('upload', text, expires, signature),
  };
  const uploads = new Uploads({ files, isTenant: () => true, store: kept, signer: signing, now: Date.now });
  const parts: ServerParts = {
    gateway: {
      entries: new Entries({
        shelf,
        parseAnswer: gemini.parseAnswer,
        now: Date.now,
        onTrouble: none,
      }),
      state: {
        reserve: async () => undefined,
        settle: async () => undefined,
        release: async () => undefined,
        spent: async () => [],
        ...idleBookkeeping,
        trouble: () => null,
        close: async () => undefined,
      },
      upstreams: new Map(),
      regions: new Regions({ spareBytes: 0 }),
      bulkhead: new Bulkhead({ inTheAir: 1, inTheAirOf: () => null, queue: { length: 0, waitMs: 1 }, onEvent: none }),
      dialect: gemini,
      metrics,
      log: createLog('info', sink),
      pauses: new KeyPauses({ now: Date.now }),
      now: Date.now,
      admit: async () => () => undefined,
      idempotencyKeys: new IdempotencyKeys({ first: memoryTexts(1 << 16), now: Date.now }),
      router: createRouter(BUILT_IN_MODELS, 'gemini-3.1-flash-image', USUAL_RULES),
      flights: new Flights({ now: Date.now, sizeOf: none }),
      leases: null,
      files,
      renditions: createRenditions({ shelf, now: Date.now }),
      // Nobody has said where this server is reached.
      links: new Links({
        shelf,
        signer,
        base: () => null,
        isTenant: () => true,
        now: Date.now,
        count: none,
      }),
      signatures: new Signatures({ shelf, ttlSeconds: 60, isShared: false, now: Date.now }),
      restoredBytes: 1 << 20,
      cache: { when: 'repeatable', ttlSeconds: 60, onDisconnect: 'finish', staleIfErrorSeconds: 0 },
      defaultFormat: null,
      remotePictures: null,
      answerWithinMs: () => 1000,
      callerNow: (caller) => caller,
    },
    dialects: options.dialects ?? [gemini, openaiImages],
    tasks: noTasks(),
    files: { files, uploads, callerOf: (_tenant: string, keyId: string) => ({ tenant: keyEntry(KEY).tenant, keyId }) },
    keys: createKeyRing([keyEntry(KEY), { ...keyEntry(REVOKED_KEY), revoked: true }]),
    // Hundreds of bad keys come from one address here, and each is to hear the same.
    limits: {
      requests: new RateCounter({ capacity: 1, now: Date.now }),
      strangers: new RateCounter({ capacity: 1, now: Date.now }),
      strangersPerMinute: 1_000_000,
      links: new RateCounter({ capacity: 1, now: Date.now }),
      linksPerMinute: 1_000_000,
      imageStanding: () => null,
      count: none,
    },
    trustProxy: [],
    mostConnections: null,
    corsOrigins: [],
    budget: createByteBudget(1 << 20),
    linkBudget: createByteBudget(1 << 20),
    fileBudget: createByteBudget(1 << 20),
    restoredBudget: createByteBudget(1 << 20),
    fetchedBudget: createByteBudget(1 << 20),
    bodyBytes: 1 << 20,
    publicUrl: () => 'http://gateway.example',
    via: 'plantain-test',
    health: { notReady: () => null, degraded: () => null },
    closing: options.closing ?? new AbortController().signal,
    graceMs: () => 0,
  };
  const app = createServer(() => parts);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, app, logged: () => lines, close: () => app.close() };
}

function keyEntry(key: string): KeyEntry {
  const cache = { scope: 'acme', when: null, ttlSeconds: null };
  return {
    sha256: keyDigest(key),
    id: key.slice(-7),
    tenant: { id: 'acme', models: null, budgets: [], limits: null, cache },
  };
}

function noTasks(): Tasks {
  const none = {
    mayKeep: async () => true,
    put: async () => null,
    get: async () => null,
    delete: async () => undefined,
  };
  return new Tasks({
    now: Date.now,
    keepMs: 60_000,
    inTheAir: 1,
    inTheAirPerTenant: 1,
    bytesPerTenant: 1,
    answers: none,
    book: { keep: async () => false, drop: () => undefined },
    elsewhere: null,
    renderError: ({ status }) => ({ status, body: {} }),
    onInterrupted: () => undefined,
  });
}
