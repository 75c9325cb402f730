import type { GatewayParts } from '../gateway.ts';
import type { Model } from '../image/model.ts';
import { expectedNanos, nanosToUsd, worstCaseNanos } from '../image/price.ts';
import type { DrawFacts } from '../image/price.ts';
import { MOST_PICTURES } from '../image/request.ts';
import { nominalPixels } from '../image/size.ts';
import type { Tier } from '../image/size.ts';
import type { Caller } from '../tenants/authenticate.ts';
import type { JsonObject } from '../wire/json.ts';
import { onDisconnectOf } from './on-disconnect.ts';

export interface CapabilityParts {
  readonly gateway: Pick<GatewayParts, 'router' | 'cache' | 'defaultFormat' | 'files'>;
  /** The largest request body. */
  readonly bodyBytes: number;
  /** Where pictures are asked for, as their vendors document it: `/v1beta/models/{model}:generateContent`. */
  readonly paths: readonly string[];
}

/** What can be asked for with one key: documented in README.md. */
export function capabilities(parts: CapabilityParts, caller: Caller): JsonObject {
  const { router, defaultFormat } = parts.gateway;
  return {
    object: 'capabilities',
    models: router.list(caller.tenant.models).map((model) => describe(model, parts, caller)),
    default_format: defaultFormat ?? 'vendor',
    bounds: {
      body_bytes: parts.bodyBytes,
      file_bytes: parts.gateway.files.bytesPerFile,
      pictures_per_request: MOST_PICTURES,
    },
  };
}

function describe(model: Model, { gateway, paths }: CapabilityParts, caller: Caller): JsonObject {
  const { cache } = caller.tenant;
  return {
    id: model.id,
    display_name: model.displayName,
    description: model.description,
    aliases: [...model.aliases],
    released: model.released,
    retires: model.retires,
    retired_names: (model.retired ?? []).map(({ name, deprecated, ends }) => ({
      id: name,
      deprecation_date: deprecated,
      shutdown_date: ends,
    })),
    paths: paths.map((path) => path.replace('{model}', model.id)),
    ratios: [...model.ratios],
    tiers: model.tiers.map((tier) => describeTier(model, tier)),
    max_references: model.maxReferences,
    inputs: ['text', ...model.inputs],
    modalities: ['IMAGE', 'TEXT'],
    formats: ['vendor', 'png', 'jpeg', 'webp'],
    tools: model.grounding === undefined ? [] : [{ google_search: { finds: [...model.grounding] } }],
    thinking_levels: [...(model.thinkingLevels ?? [])],
    input_token_limit: model.inputTokenLimit,
    output_token_limit: model.outputTokenLimit,
    cache: {
      when: cache.when ?? model.cache?.when ?? gateway.cache.when,
      ttl_seconds: cache.ttlSeconds ?? model.cache?.ttlSeconds ?? gateway.cache.ttlSeconds,
      on_disconnect: onDisconnectOf(gateway.cache, caller.tenant, model),
    },
  };
}

/** A picture from a few words alone: what a prompt, references and searches add is what a quote tells. */
const BARE: Omit<DrawFacts, 'tier'> = {
  promptBytes: 0,
  references: 0,
  openEnded: false,
  maySearch: false,
  thinkingBudget: 0,
};

/** Priced at the model's first target; `auto` has none, for its price is that of the model it chooses. */
function describeTier(model: Model, tier: Tier): JsonObject {
  const price = model.targets[0]?.price;
  const facts = { ...BARE, tier };
  return {
    tier,
    pixels: Object.fromEntries(
      model.ratios.map((ratio) => {
        const { width, height } = nominalPixels(ratio, tier);
        return [ratio, `${width}x${height}`];
      }),
    ),
    cost_usd:
      price === undefined
        ? null
        : {
            expected: nanosToUsd(expectedNanos(price, model, facts)),
            worst: nanosToUsd(worstCaseNanos(price, model, facts)),
          },
  };
}
