import { onTestFinished } from 'vitest';
import type { Simulator } from '../../src/simulator/server.ts';

/**
 * Whatever the simulator draws is in the air until the function is called, and at the end of the test at the latest:
 * for what must happen before a picture is there, however long that takes.
 */
export function keepAloft(simulator: Simulator): () => void {
  const resume = simulator.pause();
  onTestFinished(resume);
  return resume;
}

/** How many of them have ended by now, well or badly. */
export function ended(asked: readonly Promise<unknown>[]): () => number {
  let count = 0;
  for (const each of asked) each.catch(() => undefined).finally(() => (count += 1));
  return () => count;
}
