import { join } from 'node:path';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator, SimulatorOptions } from '../../src/simulator/server.ts';
import { audit } from '../tenants/audit.ts';
import type { Audit } from '../tenants/audit.ts';
import { ADMIN_KEY, KEY, UPSTREAM_KEY } from './gateway.ts';
import { newDirectory, startProcess, writeConfig } from './process.ts';
import type { GatewayProcess } from './process.ts';

export const PRO_NANOS = 134_000_000;
const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3-pro-image:generateContent';

/** Gateways as `npm start` runs them, each with a directory of its own, before one simulator and with one Redis. */
export interface Fleet {
  readonly simulator: Simulator;
  readonly gateways: readonly GatewayProcess[];
  readonly directories: readonly string[];
  /** Starts it anew, on its own directory. */
  restart(index: number): Promise<void>;
  /** One Pro picture for $0.134 that nobody asked for before, in the dialects by turns. */
  ask(number: number, gateway?: number): Promise<Response>;
  /** What the file of a gateway's ledger says. */
  audit(index: number): Audit;
  file(index: number): string;
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly redis: string;
  readonly tenant?: Record<string, unknown>;
  readonly simulator?: SimulatorOptions;
  readonly instances?: number;
  readonly upstream?: Record<string, unknown>;
  /** Merged over the configuration's top level. */
  readonly config?: Record<string, unknown>;
}

/** Ready when it resolves. The processes end with the test. */
export async function startFleet({
  redis,
  tenant,
  simulator: behaves,
  instances = 2,
  upstream,
  config: more,
}: FleetOptions): Promise<Fleet> {
  const simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY], pricing: 'reseller', ...behaves });
  const offer = (model: string) => ({
    id: model,
    targets: [{ upstream: 'vendor', model, price: { perImageUsd: PRO_NANOS / 1e9 } }],
  });
  const config = {
    state: redis,
    upstreams: [
      {
        id: 'vendor',
        kind: 'gemini',
        baseUrl: simulator.url,
        keyFrom: 'VENDOR_KEY',
        answerWithinMs: 20_000,
        abandonAfterMs: 20_000,
        // Each call stands for itself: what is done after one that failed has stories of its own.
        repeats: 0,
        breaker: false,
        ...upstream,
      },
    ],
    models: [offer('gemini-3.1-flash-image'), offer('gemini-3-pro-image')],
    tenants: [{ id: 'acme', keys: [{ key: KEY }], ...tenant }],
    ...more,
  };
  const directories = Array.from({ length: instances }, () => newDirectory());
  const start = (directory: string): GatewayProcess => {
    const env = { VENDOR_KEY: UPSTREAM_KEY, DATA_DIR: directory, PLANTAIN_ADMIN_KEY: ADMIN_KEY };
    return startProcess({ directory, args: ['--config', writeConfig(directory, config)], env });
  };
  const gateways: GatewayProcess[] = [];
  for (const directory of directories) {
    const gateway = start(directory);
    await gateway.ready();
    gateways.push(gateway);
  }
  const file = (index: number): string => join(directories[index]!, 'ledger.db');
  return {
    simulator,
    gateways,
    directories,
    async restart(index) {
      gateways[index] = start(directories[index]!);
      await gateways[index].ready();
    },
    ask(number, gateway = number % gateways.length) {
      const { url } = gateways[gateway]!;
      const prompt = `picture number ${number}`;
      const native = number % 4 < 2;
      return fetch(`${url}${native ? NATIVE : IMAGES}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(
          native
            ? { contents: [{ parts: [{ text: prompt }] }], generationConfig: { responseModalities: ['IMAGE'] } }
            : { prompt, model: 'gemini-3-pro-image', image_size: '1K' },
        ),
      });
    },
    audit: (index) => audit(file(index)),
    file,
    async stop() {
      for (const gateway of gateways) gateway.kill('SIGTERM');
      await Promise.all(gateways.map(({ ended }) => ended));
      await simulator.close();
    },
  };
}

/** How many of each: `200`, or the status with the words a caller's SDK goes by. */
export async function tally(replies: readonly Response[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const reply of replies) {
    const retry = reply.headers.get('x-should-retry');
    const name = reply.status === 200 ? '200' : `${reply.status} ${retry === 'true' ? 'again' : 'never'}`;
    await reply.arrayBuffer();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
