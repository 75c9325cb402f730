/**
 * A process that spends, for tests that kill it: node spender.ts FILE ACCOUNT_JSON. It tells every word it is given by
 * the ledger, one a line: `reserved ID`, `settled ID`, `released ID`, `full` for want of budget; `refused WHY` when the ledger cannot be opened.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import type { Account } from '../../src/tenants/state.ts';

const [file = '', account = ''] = process.argv.slice(2);
const accounts = [JSON.parse(account) as Account];
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

try {
  const state = await openEmbeddedState({ file, now: Date.now });
  say('open');
  const spend = async (worker: number): Promise<void> => {
    for (let turn = 0; ; turn += 1) {
      const id = `${process.pid}:${worker}:${turn}`;
      const who = { tenant: 'acme', keyId: 'k1', model: 'pro', upstream: 'vendor', tier: null, user: null, tags: {} };
      const hold = { id, ...who, leaseMs: 60_000, worstNanos: 100, limits: null, accounts };
      const taken = await state.reserve([hold]).then(
        () => true,
        () => false,
      );
      if (!taken) {
        say('full');
        await sleep(1);
        continue;
      }
      say(`reserved ${id}`);
      if (turn % 5 === 4) {
        await state.release(id);
        say(`released ${id}`);
      } else {
        await state.settle(id, 60 + (turn % 41), 'ok');
        say(`settled ${id}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, worker) => spend(worker)));
} catch (error) {
  say(`refused ${error instanceof Error ? error.message : String(error)}`);
}
