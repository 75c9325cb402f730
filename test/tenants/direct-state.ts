import type { EmbeddedLedger, Operation } from '../../src/tenants/embedded-ledger.ts';
import { savedTally } from '../../src/tenants/saved-tally.ts';
import type { SpendState } from '../../src/tenants/state.ts';

/** The port straight over the ledger: one commit a verb, no thread, so that it can be stopped and started fast. */
export function direct(ledger: EmbeddedLedger, now: () => number): SpendState {
  const ask = async (operation: Operation) => {
    const [result] = ledger.commit([operation]);
    if (result === undefined || 'failed' in result) throw result?.failed;
    return result.told;
  };
  const at = (): { readonly at: number } => ({ at: now() });
  return {
    reserve: async (holds) => void (await ask({ verb: 'reserve', holds, ...at() })),
    settle: async (id, nanos, outcome, made = { pictures: 1, tokens: 2_000 }) =>
      void (await ask({ verb: 'settle', id, ended: { nanos, outcome, ...made }, ...at() })),
    release: async (id, outcome = 'released') => void (await ask({ verb: 'release', id, outcome, ...at() })),
    spent: async (accountKeys) => (await ask({ verb: 'spent', accountKeys })).balances ?? [],
    save: (saving) => {
      const tally = savedTally();
      tally.add(saving, now());
      ledger.commit([{ verb: 'save', batch: { source: crypto.randomUUID(), number: 1, sums: tally.take() }, ...at() }]);
    },
    adjust: async (adjustment) => (await ask({ verb: 'adjust', adjustment, ...at(), ask: null })).adjustedNanos ?? 0,
    refund: async (ids) => (await ask({ verb: 'refund', ids, ...at(), ask: null })).refunds ?? [],
    rollUp: async (which, most) => (await ask({ verb: 'rollUp', which, most, ...at() })).rolled?.more === true,
    async forget(tenant) {
      while ((await ask({ verb: 'forget', tenant, most: 200, ...at() })).rolled?.more === true);
    },
    trouble: () => null,
    close: async () => ledger.close(),
  };
}
