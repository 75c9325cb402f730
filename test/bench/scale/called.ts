import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchUpstream } from '../upstream.ts';

const POLL_MS = 5;
const PATIENCE_MS = 90_000;

/** Resolves when so many calls have come to the vendor since it was last asked; rejects when they take too long. */
export async function untilCalled(upstream: BenchUpstream, count: number): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS;
  for (let called = 0; called < count; called += await upstream.calls()) {
    if (performance.now() > endsAt) throw new Error(`of ${count} calls ${called} came to the vendor`);
    await sleep(POLL_MS);
  }
}
