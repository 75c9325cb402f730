import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminParts } from './app/admin.ts';
import { alerting, budgetReader } from './app/budgets.ts';
import { openBulkhead } from './app/bulkhead.ts';
import { openByteBudgets } from './app/byte-budgets.ts';
import { openCache } from './app/cache.ts';
import { configured } from './app/configured.ts';
import type { Configured } from './app/configured.ts';
import { mostConnections } from './app/descriptors.ts';
import { openFiles } from './app/files.ts';
import { healthOf } from './app/health.ts';
import { baseOf } from './app/keys.ts';
import { watchLedger } from './app/ledger.ts';
import { keepLinkSecrets, linkSecrets } from './app/link-secret.ts';
import { limitParts } from './app/limits.ts';
import { logTrouble } from './app/outage.ts';
import { createReload } from './app/reload.ts';
import type { Reload } from './app/reload.ts';
import { openRemote } from './app/remote.ts';
import type { Web } from './app/remote.ts';
import { keepFor } from './app/retention.ts';
import { openState } from './app/state.ts';
import { openTasks } from './app/tasks.ts';
import { UpstreamClients } from './app/upstreams.ts';
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
import { createOperationsServer } from './http/operations.ts';
import { BACKLOG, createServer } from './http/server.ts';
import type { ServerParts } from './http/server.ts';
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
  /** Puts another configuration in force for all that begins from then on, as far as that needs no restart. */
  readonly reload: Reload;
  /**
   * Stops taking requests, waits for what is in the air, closes the stores. `graceMs`: for so long whoever does not know
   * yet that it is not ready is served as ever, and for as long again who was let in by then. Absent: nobody is.
   */
  close(graceMs?: number): Promise<void>;
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
  const readAt = now();
  let running = config;
  // A simulated picture must never answer a real request: what the simulator does has a realm of its own.
  const realm = config.simulator ? join(config.dataDir, 'simulator') : config.dataDir;
  const ledger = join(realm, 'ledger.db');
  const opened = await openState(config, { file: ledger, now, log });
  const { state, registry: store } = opened;
  const closers: (() => Promise<void>)[] = [opened.close];
  let graceMs = 0;
  const close = async (ms = 0): Promise<void> => {
    graceMs = ms;
    for (const each of closers.toReversed()) await each();
  };
  try {
    // A key that everybody knows is for this machine alone, even where it costs nothing.
    const simulator = config.simulator && isLoopback(config.listen.host);
    const first = config.tenants.length > 0 ? null : await firstKey({ dataDir: realm, isTerminal, simulator });
    const registry = await Registry.open({
      store,
      base: baseOf(config, first?.entry ?? null),
      now,
      onFault: logTrouble(log, 'keys: changes of other instances could not be read'),
    });
    closers.push(async () => registry.close());
    const tellMisfits = (): void => {
      for (const misfit of registry.roll.misfits()) log.warn('keys: a tenant is refused', { ...misfit });
    };
    tellMisfits();
    const payers = (): readonly Payer[] => registry.roll.payers();

    const flights = new Flights<Flown, Thought>({
      now,
      sizeOf: ({ drawn }) => sizeOfDrawn(drawn),
      detachedPerOwner: config.bounds.detachedPerTenant,
      onSpent: ({ letGo }) => letGo(),
    });
    const inFlight = openByteBudgets(config.bounds.bytesInFlight);
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
        bytesInFlight: inFlight.held,
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
    // Where tenants can be made at run time there may be several at any moment.
    const isShared = registry.roll.tenantIds().length > 1 || config.admin.keySha256 !== null;
    const cache = await openCache({
      config: config.cache,
      signatureDays: config.retention.signatureDays,
      isShared,
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
      config: () => running.alerts,
      payers: payers(),
      metrics,
      log,
      now,
      known: opened.lastKnown,
    });
    closers.push(watched.close);

    const via = viaName(config.upstreams);
    const clients = new UpstreamClients({ via, metrics });
    closers.push(() => clients.close());

    const bulkhead = openBulkhead(() => running, metrics);
    const limited = opened.limited(watched.state, metrics);
    const gateway: Omit<GatewayParts, keyof Configured> = {
      entries: cache.entries,
      state: limited.state,
      dialect: gemini,
      metrics,
      log,
      pauses,
      now,
      bulkhead,
      regions: new Regions({ spareBytes: config.bounds.bytesInFlight }),
      admit: async (bytes, signal) => {
        const room = await inFlight.replies.acquire(bytes, signal);
        return (kept = 0) => room.keep(kept);
      },
      flights,
      leases: cache.leases,
      renditions: cache.renditions,
      links: cache.links,
      signatures: cache.signatures,
      restoredBytes: config.bounds.bodyBytes,
      files: files.files,
      idempotencyKeys: cache.idempotencyKeys,
      remotePictures: openRemote(config.remoteImages, metrics, options.web),
      callerNow: (caller) => registry.roll.callerNow(caller),
    };

    const closing = new AbortController();
    setMaxListeners(0, closing.signal);
    const health = healthOf({ closing: closing.signal, state, clients });
    const server: Omit<ServerParts, 'gateway' | 'corsOrigins'> = {
      dialects: [claude, openrouter, gemini, openaiChat, openaiResponses, openaiImages],
      keys: registry.roll.keys,
      tasks: kept.tasks,
      files,
      limits: limitParts(limited, metrics),
      trustProxy: config.trustProxy,
      mostConnections: mostConnections(),
      budget: inFlight.bodies,
      bodyBytes: config.bounds.bodyBytes,
      linkBudget: inFlight.linked,
      fileBudget: inFlight.named,
      restoredBudget: inFlight.restored,
      fetchedBudget: inFlight.fetched,
      publicUrl: () => publicUrl,
      via,
      health,
      closing: closing.signal,
      graceMs: () => graceMs,
      ...(options.pace !== undefined && { pace: options.pace }),
    };
    /** What requests get at their beginning. Another configuration is another value here, and nothing else. */
    let inForce: ServerParts;
    const take = async (next: Config): Promise<void> => {
      const { drawing, take: takeClients } = await clients.prepare(next.upstreams);
      const parts = {
        ...server,
        gateway: { ...gateway, ...configured(next, drawing) },
        corsOrigins: next.cors.origins,
      };
      if (next !== running) takeTenants(next);
      // From here on nothing waits and nothing fails: no request sees a half of it.
      takeClients();
      log.setLevel(next.logLevel);
      [running, inForce] = [next, parts];
    };
    const takeTenants = (next: Config): void => {
      registry.rebase(baseOf(next, next.tenants.length > 0 ? null : (first?.entry ?? null)));
      tellMisfits();
      if (!isShared && registry.roll.tenantIds().length > 1)
        log.warn('cache: there are several tenants now; that each has a fair share needs a restart');
    };
    await take(config);
    const api = createServer(() => inForce);
    const operations = createOperationsServer(metrics, health);
    const apiUrl = await api.listen({ ...config.listen, backlog: BACKLOG });
    if (config.links.followsListener) linkBase = publicUrl = apiUrl;
    closers.push(async () => {
      closing.abort();
      if (graceMs > 0) await sleep(graceMs);
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
        adminParts({
          config: () => running,
          keySha256,
          registry,
          store,
          state,
          ledger,
          cache: cache.admin,
          metrics,
          log,
          now,
        }),
      );
      adminUrl = await admin.listen(adminAddress);
      closers.splice(-1, 0, () => admin.close());
    }
    metrics.configRead('started', readAt, 0);
    log.watch(metrics.logLinesLost);
    const reload = createReload({ running: () => running, take, log, metrics, now });
    return { apiUrl, operationsUrl, adminUrl, firstKey: first?.told ?? null, cache: cache.admin, reload, close };
  } catch (error) {
    await close();
    throw error;
  }
}
