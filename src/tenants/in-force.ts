import { GatewayError } from '../errors.ts';
import type { Caller, Tenant } from './authenticate.ts';
import { accountsFor } from './state.ts';
import type { Hold, SpendState } from './state.ts';

export interface InForceParts {
  readonly state: Pick<SpendState, 'reserve'>;
  /** Who a caller is by now; null: its key or its tenant is none any more. */
  readonly callerNow: (caller: Caller) => Caller | null;
  /** Unix ms. */
  readonly now: () => number;
}

/**
 * Money for one caller, by the budgets and limits in force when it is asked for, and not by those of the moment its
 * request came: a budget that was lowered meanwhile holds, and who was taken away meanwhile gets nothing. What is held
 * already goes on as it was. `reserve` rejects as that of the state, and with GatewayError `unauthenticated`.
 */
export function underRoll(parts: InForceParts, caller: Caller): Pick<SpendState, 'reserve'> {
  const { state, callerNow, now } = parts;
  return {
    async reserve(holds) {
      const current = callerNow(caller);
      if (current === null) throw gone();
      // Nothing has changed: as it is for all but a few.
      if (current.tenant === caller.tenant) return state.reserve(holds);
      return state.reserve(holds.map((hold) => under(current.tenant, hold, now())));
    },
  };
}

function under(tenant: Tenant, hold: Hold, at: number): Hold {
  return { ...hold, limits: tenant.limits, accounts: accountsFor(tenant, hold.model, at) };
}

function gone(): GatewayError {
  const message =
    'The API key of this request was taken away after it had come. Nothing was drawn and nothing was paid for it since.';
  return new GatewayError('unauthenticated', message);
}
