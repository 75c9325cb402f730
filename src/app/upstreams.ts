import { deadlineMs } from '../config.ts';
import type { UpstreamConfig } from '../config.ts';
import type { DrawUpstream } from '../draw.ts';
import type { Tier } from '../image/size.ts';
import type { Metrics } from '../metrics.ts';
import { startSimulator } from '../simulator/server.ts';
import { createUpstream } from '../upstreams/client.ts';
import { UpstreamHealth } from '../upstreams/health.ts';

/** Where the work is given up when its caller is answered, there is nothing to come back for: the caller hears the end. */
export function patienceMs({ answerWithinMs, abandonAfterMs }: UpstreamConfig, tier: Tier | null): number {
  const waits = deadlineMs(answerWithinMs, tier);
  return waits < deadlineMs(abandonAfterMs, tier) ? waits : Infinity;
}

/** Those that draw, by id. `via`: what this gateway calls itself to them. */
export async function openUpstreams(
  configs: readonly UpstreamConfig[],
  parts: { readonly via: string; readonly closers: (() => Promise<void>)[]; readonly metrics: Metrics },
): Promise<ReadonlyMap<string, DrawUpstream>> {
  const upstreams = new Map<string, DrawUpstream>();
  for (const config of configs) upstreams.set(config.id, await openUpstream(config, parts));
  return upstreams;
}

async function openUpstream(
  config: UpstreamConfig,
  { via, closers, metrics }: Parameters<typeof openUpstreams>[1],
): Promise<DrawUpstream> {
  let { baseUrl } = config;
  if (baseUrl === 'simulator:') {
    const simulator = await startSimulator();
    closers.push(() => simulator.close());
    baseUrl = simulator.url;
  }
  const { id, kind, auth, replyBytes } = config;
  const [key = 'simulator', ...others] = config.keys;
  const keys: readonly [string, ...string[]] = [key, ...others];
  const client = createUpstream({ id, baseUrl, auth, keys, replyBytes, via });
  closers.push(() => client.close());
  return {
    client,
    health: new UpstreamHealth({
      keys,
      repeats: config.repeats,
      spares: config.breaker,
      opened: (model) => metrics.breaker(id, model, true),
      closed: (model) => metrics.breaker(id, model, false),
    }),
    family: kind,
    sizeNames: config.sizeNames,
    abandonAfterMs: (tier) => deadlineMs(config.abandonAfterMs, tier),
    answerWithinMs: (tier) => deadlineMs(config.answerWithinMs, tier),
  };
}
