import { createByteBudget } from '../http/byte-budget.ts';
import type { ByteBudget } from '../http/byte-budget.ts';

export interface ByteBudgets {
  /** Two halves: a body is held until its reply has come, so a reply must never wait for the room of bodies. */
  readonly bodies: ByteBudget;
  readonly replies: ByteBudget;
  /**
   * What is held beside a body, taken in this order and before a reply, so that none of them waits for itself: files that
   * a request names, pictures it names by address, and what its history is made of.
   */
  readonly named: ByteBudget;
  readonly fetched: ByteBudget;
  readonly restored: ByteBudget;
  /** What is sent to those who read links and files. */
  readonly linked: ByteBudget;
  /** Of all that requests brought or had brought. */
  held(): number;
}

export function openByteBudgets(bytesInFlight: number): ByteBudgets {
  const budgets = {
    bodies: createByteBudget(bytesInFlight / 2),
    replies: createByteBudget(bytesInFlight / 2),
    named: createByteBudget(bytesInFlight / 4),
    fetched: createByteBudget(bytesInFlight / 4),
    restored: createByteBudget(bytesInFlight / 4),
  };
  const counted = Object.values(budgets);
  return {
    ...budgets,
    linked: createByteBudget(bytesInFlight / 2),
    held: () => counted.reduce((sum, { held }) => sum + held, 0),
  };
}
