import { deadlineMs } from '../config.ts';
import type { Config, UpstreamConfig } from '../config.ts';
import { createSentReader } from '../config/run-time.ts';
import type { GatewayParts } from '../gateway.ts';
import type { Tier } from '../image/size.ts';
import type { SettingsReader } from '../tenants/settings.ts';
import { createRouter } from '../upstreams/router.ts';
import type { Drawing } from './upstreams.ts';

/** What of a gateway is another with another configuration: a request gets all of it at its beginning, and keeps it to its end. */
export type Configured = Pick<GatewayParts, 'upstreams' | 'router' | 'cache' | 'defaultFormat' | 'answerWithinMs'>;

/** `drawing`: the upstreams of that configuration. */
export function configured(config: Config, drawing: Drawing): Configured {
  return {
    upstreams: drawing,
    router: createRouter(config.models, config.images.defaultModel, config.auto),
    cache: config.cache,
    defaultFormat: config.images.defaultFormat === 'vendor' ? null : config.images.defaultFormat,
    answerWithinMs: (id, tier) =>
      patienceMs(
        config.upstreams.find((upstream) => upstream.id === id)!,
        tier,
      ),
  };
}

/** Where the work is given up when its caller is answered, there is nothing to come back for: the caller hears the end. */
function patienceMs({ answerWithinMs, abandonAfterMs }: UpstreamConfig, tier: Tier | null): number {
  const waits = deadlineMs(answerWithinMs, tier);
  return waits < deadlineMs(abandonAfterMs, tier) ? waits : Infinity;
}

/** Reads what is sent at run time by the rules of the configuration in force. */
export function readerInForce(inForce: () => Config): SettingsReader {
  let [of, reader] = [inForce(), createSentReader(inForce())];
  const current = (): SettingsReader => {
    const config = inForce();
    if (config !== of) [of, reader] = [config, createSentReader(config)];
    return reader;
  };
  return {
    tenant: (sent) => current().tenant(sent),
    key: (sent, tenant) => current().key(sent, tenant),
  };
}
