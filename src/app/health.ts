import type { Health } from '../http/operations.ts';
import type { SpendState } from '../tenants/state.ts';
import type { UpstreamClients } from './upstreams.ts';

export interface HealthParts {
  /** Aborted when the process is told to end. */
  readonly closing: AbortSignal;
  readonly state: Pick<SpendState, 'trouble'>;
  readonly clients: Pick<UpstreamClients, 'trouble'>;
}

export function healthOf({ closing, state, clients }: HealthParts): Health {
  return {
    notReady: () => (closing.aborted ? 'shutting down' : state.trouble()),
    degraded: () => clients.trouble(),
  };
}
