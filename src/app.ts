import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { adminParts } from './app/admin.ts';
import { alerting, budgetReader } from './app/budgets.ts';
import { openBulkhead } from './app/bulkhead.ts';
import { openCache } from './app/cache.ts';
import { openFiles } from './app/files.ts';
import { baseOf } from './app/keys.ts';
import { watchLedger } from './app/ledger.ts';
import { keepLinkSecrets, linkSecrets } from './app/link-secret.ts';
import { limitParts } from './app/limits.ts';
import { openRemote } from './app/remote.ts';
import type { Web } from './app/remote.ts';
import { keepFor } from './app/retention.ts';
import { openState } from './app/state.ts';
import { openTasks } from './app/tasks.ts';
import { openUpstreams, patienceMs } from './app/upstreams.ts';
import { Flights } from './cache/flights.ts';
import { filesOf } from './cache/kept-files.ts';
import { sizeOfDrawn } from './cache/head.ts';
import type { CacheAdmin } from './cache/store.ts';
import { isLoopback } from './config.ts';
import type { Config } from './config.ts';
import { claude } from './dialects/claude/dialect.ts';
import { gemini } from './dialects/gemini/dialect.ts';
import { openaiChat } from './dialects/openai-chat/dialect.ts';
import { openaiImages } from './dialects/openai-images/dialect.ts';
import { openaiResponses } from './dialects/openai-responses/dialect.ts';
import { openrouter } from './dialects/openrouter/dialect.ts';
import type { Flown } from './draw.ts';
import type { GatewayParts } from './gateway.ts';
import { createAdminServer } from './http/admin/admin.ts';
import { createByteBudget } from './http/byte-budget.ts';
import { createOperationsServer } from './http/operations.ts';
import { createServer } from './http/server.ts';
import type { StreamPace } from './http/stream.ts';
import { viaName } from './http/via.ts';
import type { Thought } from './image/answer.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { Metrics } from './metrics.ts';
import { firstKey } from './tenants/first-key.ts';
import type { FirstKeyTold } from './tenants/first-key.ts';
import { KeyPauses } from './tenants/pause.ts';
import { Registry } from './tenants/registry.ts';
import type { Payer } from './tenants/state.ts';
import type { RegistryStore } from './tenants/registry-store.ts';
import { createRouter } from './upstreams/router.ts';
import { Regions } from './wire/regions.ts';

export interface App {
  /** Where the API and the operations port listen, as URLs. */
  readonly apiUrl: string;
  readonly operationsUrl: string;
  /** Null: there is no admin key, and so no admin port. */
  readonly adminUrl: string | null;
  /** What to say of the first key; null where tenants are configured. */
  readonly firstKey: FirstKeyTold | null;
  /** For the operator: what the cache keeps, and its removal. */
  readonly cache: CacheAdmin;
  /** Stops taking requests, waits for what is in the air, closes the stores. */
  close(): Promise<void>;
}

export interface AppOptions {
  readonly version: string;
  readonly isTerminal: boolean;
  readonly log: Log;
  /** Unix ms; absent: the clock of the machine. */
  readonly now?: () => number;
  /** Of streamed answers; absent: the usual. */
  readonly pace?: StreamPace;
  /** Where remote pictures lie; absent: on the web. */
  readonly web?: Web;
}

/** The composition root: every part made once, in the order of their needs, and handed to those who need it. */
export async function startApp(config: Config, options: AppOptions): Promise<App> {
  const { version, isTerminal, log, now = Date.now } = options;
  // A simulated picture must never answer a real request: what the simulator does has a realm of its own.
  const realm = config.simulator ? join(config.dataDir, 'simulator') : config.dataDir;
  const ledger = join(realm, 'ledger.db');
  const opened = await openState(config, { file: ledger, now, log });
  const { state } = opened;
  const closers: (() => Promise<void>)[] = [opened.close];
  const close = async (): Promise<void> => {
    for (const each of closers.toReversed()) await each();
  };
  try {
    // A key that everybody knows is for this machine alone, even where it costs nothing.
    const simulator = config.simulator && isLoopback(config.listen.host);
    const first = config.tenants.length > 0 ? null : await firstKey({ dataDir: realm, isTerminal, simulator });
    const store: RegistryStore = opened.registry;
    const registry = await Registry.open({
      store,
      base: baseOf(config, first?.entry ?? null),
      now,
      onFault: (error) => log.fault('keys: changes of other instances could not be read', error),
    });
    closers.push(async () => registry.close());
    for (const misfit of registry.roll.misfits()) log.warn('keys: a tenant is refused', { ...misfit });
    const payers = (): readonly Payer[] => registry.roll.payers();

    const flights = new Flights<Flown, Thought>({
      now,
      sizeOf: ({ drawn }) => sizeOfDrawn(drawn),
      detachedPerOwner: config.bounds.detachedPerTenant,
      onSpent: ({ letGo }) => letGo(),
    });
    // Two halves: a body is held until its reply has come, so a reply must never wait for the room of bodies.
    const bodies = createByteBudget(config.bounds.bytesInFlight / 2);
    const replies = createByteBudget(config.bounds.bytesInFlight / 2);
    // Taken while a body is held, and never while a reply is: a third, so that none of them waits for itself.
    const restored = createByteBudget(config.bounds.bytesInFlight / 4);
    // A fourth, taken before that: files that requests name.
    const named = createByteBudget(config.bounds.bytesInFlight / 4);
    // A fifth, taken between these: what is fetched for them.
    const fetched = createByteBudget(config.bounds.bytesInFlight / 4);
    const pauses = new KeyPauses({ now });
    const metrics: Metrics = createMetrics({
      version,
      simulator: config.simulator,
      store: opened.kind,
      gauges: {
        cacheBytes: () => cache.held(),
        flights: () => flights.size,
        queued: () => bulkhead.waiting,
        waiters: () => flights.waiting,
        detached: () => flights.detached,
        tasks: () => kept.tasks.inTheAir,
        bytesInFlight: () => bodies.held + replies.held + restored.held + named.held + fetched.held,
        keysPaused: () => pauses.paused,
        stateUp: () => state.trouble() === null,
        untold: opened.untold,
        budgets: budgetReader(state, payers, now),
      },
    });

    let [linkBase, publicUrl] = [config.links.base, config.publicUrl];
    if (config.state !== 'embedded' && config.cache.redis === null)
      log.warn(
        'links: each instance serves only those it gave: set cache.store to redis, for all of them to serve all',
      );
    const cache = await openCache({
      config: config.cache,
      signatureDays: config.retention.signatureDays,
      // Where tenants can be made at run time there may be several at any moment.
      isShared: registry.roll.tenantIds().length > 1 || config.admin.keySha256 !== null,
      simulator: config.simulator,
      realm,
      parseAnswer: gemini.parseAnswer,
      now,
      log,
      metrics,
      links: {
        secrets: await linkSecrets(realm, config.links.secrets),
        keepSecrets: config.links.secrets.length > 0 ? null : (secrets) => keepLinkSecrets(realm, secrets),
        base: () => linkBase,
        isTenant: (id) => registry.roll.has(id),
      },
    });
    closers.push(cache.close);
    const kept = await openTasks({ config: config.tasks, cache, now, log, metrics });
    const files = openFiles(config.files, cache, { roll: registry.roll, now });
    registry.onForgotten(({ tenant, scopes }) => {
      for (const scope of scopes) kept.tasks.forget(scope);
      const all = [...scopes.map((scope) => ({ scope })), ...filesOf(tenant)];
      Promise.all(all.map(async (selection) => cache.admin.purge(selection))).catch((error: unknown) =>
        log.fault('cache: a forgotten tenant has something left', error),
      );
    });

    opened.watch(metrics);
    const unwatch = watchLedger(ledger, { metrics, log });
    closers.push(async () => unwatch());
    closers.push(keepFor({ state, config: config.retention, now, log }));
    const watched = await alerting(state, {
      config: config.alerts,
      payers: payers(),
      metrics,
      log,
      now,
      known: opened.lastKnown,
    });
    closers.push(watched.close);

    const via = viaName(config.upstreams);
    const upstreams = await openUpstreams(config.upstreams, { via, closers, metrics });

    const bulkhead = openBulkhead(config, metrics);
    const limited = opened.limited(watched.state, metrics);
    const gateway: GatewayParts = {
      entries: cache.entries,
      state: limited.state,
      upstreams,
      dialect: gemini,
      metrics,
      log,
      pauses,
      now,
      bulkhead,
      regions: new Regions({ spareBytes: config.bounds.bytesInFlight }),
      admit: async (bytes, signal) => {
        const room = await replies.acquire(bytes, signal);
        return () => room.keep(0);
      },
      router: createRouter(config.models, config.images.defaultModel, config.auto),
      flights,
      leases: cache.leases,
      renditions: cache.renditions,
      links: cache.links,
      signatures: cache.signatures,
      restoredBytes: config.bounds.bodyBytes,
      files: files.files,
      idempotencyKeys: cache.idempotencyKeys,
      remotePictures: openRemote(config.remoteImages, metrics, options.web),
      cache: config.cache,
      defaultFormat: config.images.defaultFormat === 'vendor' ? null : config.images.defaultFormat,
      answerWithinMs: (id, tier) =>
        patienceMs(
          config.upstreams.find((upstream) => upstream.id === id)!,
          tier,
        ),
    };

    const closing = new AbortController();
    setMaxListeners(0, closing.signal);
    const health = { notReady: () => (closing.signal.aborted ? 'shutting down' : state.trouble()) };
    const api = createServer({
      gateway,
      dialects: [claude, openrouter, gemini, openaiChat, openaiResponses, openaiImages],
      keys: registry.roll.keys,
      tasks: kept.tasks,
      files,
      limits: limitParts(limited, metrics),
      trustProxy: config.trustProxy,
      corsOrigins: config.cors.origins,
      budget: bodies,
      bodyBytes: config.bounds.bodyBytes,
      connections: config.bounds.connections,
      linkBudget: createByteBudget(config.bounds.bytesInFlight / 2),
      fileBudget: named,
      restoredBudget: restored,
      fetchedBudget: fetched,
      publicUrl: () => publicUrl,
      via,
      health,
      closing: closing.signal,
      ...(options.pace !== undefined && { pace: options.pace }),
    });
    const operations = createOperationsServer(metrics, health);
    const apiUrl = await api.listen({ ...config.listen });
    if (config.links.followsListener) linkBase = publicUrl = apiUrl;
    closers.push(async () => {
      closing.abort();
      await api.close();
      // Pictures whose callers have gone are paid for all the same: they are finished and settled too.
      await flights.idle();
      await kept.close();
    });
    const operationsUrl = await operations.listen({ ...config.operations });
    closers.splice(-1, 0, () => operations.close());
    const { keySha256, ...adminAddress } = config.admin;
    let adminUrl: string | null = null;
    if (keySha256 !== null) {
      const admin = createAdminServer(
        adminParts({ config, keySha256, registry, store, state, ledger, cache: cache.admin, metrics, log, now }),
      );
      adminUrl = await admin.listen(adminAddress);
      closers.splice(-1, 0, () => admin.close());
    }
    return { apiUrl, operationsUrl, adminUrl, firstKey: first?.told ?? null, cache: cache.admin, close };
  } catch (error) {
    await close();
    throw error;
  }
}
