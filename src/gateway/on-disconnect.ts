import type { OnDisconnect } from '../cache/flights.ts';
import type { Model } from '../image/model.ts';
import type { Tenant } from '../tenants/authenticate.ts';

/** What a tenant says of it wins over what is said of the model, and that over the rest. */
export function onDisconnectOf(
  usual: { readonly onDisconnect: OnDisconnect },
  tenant: Tenant,
  model: Model,
): OnDisconnect {
  return tenant.cache.onDisconnect ?? model.cache?.onDisconnect ?? usual.onDisconnect;
}
