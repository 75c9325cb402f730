import type { SpendState } from '../../src/tenants/state.ts';

/** For a state whose ledger no operator ever touches. */
export const idleBookkeeping: Pick<SpendState, 'save' | 'adjust' | 'refund' | 'rollUp' | 'forget'> = {
  save: () => undefined,
  adjust: async () => 0,
  refund: async () => [],
  rollUp: async () => false,
  forget: async () => undefined,
};
