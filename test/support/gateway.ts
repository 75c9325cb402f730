import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { stringify } from 'yaml';
import { startApp } from '../../src/app.ts';
import type { App, AppOptions } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator, SimulatorOptions } from '../../src/simulator/server.ts';

export const KEY = 'sk-test-acme';
export const OTHER_KEY = 'sk-test-globex';
export const UPSTREAM_KEY = 'upstream-secret-7';
export const ADMIN_KEY = 'admin-secret-0123456789';

export interface TestGateway {
  readonly url: string;
  readonly operationsUrl: string;
  /** '' where the admin port is off. */
  readonly adminUrl: string;
  readonly simulator: Simulator;
  /** The operator's hands on the cache. */
  readonly cache: App['cache'];
  /** Its data directory. */
  readonly directory: string;
  /** Every line logged so far. */
  readonly logged: () => string;
  /** A POST of JSON with the test key; `body` may be raw bytes. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Another configuration, as a SIGHUP brings it: `config` and `upstream` are merged as at the start, over what was given then. */
  reload(more: Pick<TestGatewayOptions, 'config' | 'upstream' | 'environment'>): Promise<void>;
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly simulator?: SimulatorOptions;
  /** Merged over the configuration's top level. */
  readonly config?: Record<string, unknown>;
  /** Merged over the one upstream. */
  readonly upstream?: Record<string, unknown>;
  /** Opens the admin port. */
  readonly admin?: boolean;
  /** Beside the upstream's key. */
  readonly environment?: Record<string, string>;
  /** The gateway's clock, in unix ms. */
  readonly now?: () => number;
  /** Of streamed answers. */
  readonly pace?: AppOptions['pace'];
  /** What stands for the web where remote pictures are fetched. */
  readonly web?: AppOptions['web'];
  /** That of a gateway before it, which outlives this one. Absent: one of its own, removed at the end. */
  readonly directory?: string;
}

/** A whole gateway on loopback ports of its own, a simulator behind it, two tenants before it. */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'plantain-test-')));
  const simulator = await startSimulator({ signatureBytes: 20_000, keys: [UPSTREAM_KEY], ...options.simulator });
  const offers = (model: string) => ({
    id: model,
    targets: [{ upstream: 'vendor', model, price: { perImageUsd: 0.05 } }],
  });
  const file = join(directory, 'plantain.yaml');
  type More = Pick<TestGatewayOptions, 'config' | 'upstream' | 'environment'>;
  const written = (more: More): string =>
    stringify({
      dataDir: directory,
      upstreams: [
        {
          id: 'vendor',
          kind: 'gemini',
          baseUrl: simulator.url,
          keyFrom: 'VENDOR_KEY',
          answerWithinMs: 20_000,
          abandonAfterMs: 30_000,
          // Each call stands for itself: what is done after one that failed has stories of its own.
          repeats: 0,
          breaker: false,
          ...options.upstream,
          ...more.upstream,
        },
      ],
      models: [offers('gemini-3.1-flash-image'), offers('gemini-3-pro-image')],
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }] },
      ],
      ...options.config,
      ...more.config,
    });
  const anyPort = { host: '127.0.0.1', port: 0 };
  const read = (more: More): Config => {
    const environment = {
      VENDOR_KEY: UPSTREAM_KEY,
      ...(options.admin === true && { PLANTAIN_ADMIN_KEY: ADMIN_KEY }),
      ...options.environment,
      ...more.environment,
    };
    const config = loadConfig({ file, environment, workingDirectory: directory });
    return { ...config, listen: anyPort, operations: anyPort, admin: { ...config.admin, ...anyPort } };
  };
  await writeFile(file, written({}));
  let lines = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines += chunk.toString();
      done();
    },
  });
  const app = await startApp(read({}), {
    version: 'test',
    isTerminal: false,
    log: createLog('info', sink),
    ...(options.now && { now: options.now }),
    ...(options.pace && { pace: options.pace }),
    ...(options.web && { web: options.web }),
  });
  return {
    url: app.apiUrl,
    operationsUrl: app.operationsUrl,
    adminUrl: app.adminUrl ?? '',
    simulator,
    cache: app.cache,
    directory,
    logged: () => lines,
    post: (path, body, headers = {}) =>
      fetch(`${app.apiUrl}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
        body: body instanceof Uint8Array || typeof body === 'string' ? Buffer.from(body) : JSON.stringify(body),
      }),
    async reload(more) {
      await writeFile(file, written(more));
      await app.reload(() => read(more));
    },
    async close() {
      await app.close();
      await simulator.close();
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}
