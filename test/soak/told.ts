import type { Told } from './load/call.ts';

/** A request that was answered well, for tests to change. */
export function toldOf(over: Partial<Told> = {}): Told {
  return {
    ask: 1,
    kind: 'images',
    subject: 's1',
    tenant: 'acme',
    n: 1,
    method: 'POST',
    route: '/v1/images/generations',
    instance: 0,
    life: 0,
    startedAt: 5_000,
    endedAt: 6_000,
    end: 'answered',
    status: 200,
    requestId: 'req_1',
    verdict: { outcome: 'pictures', pictures: 1, words: null, faults: [] },
    cacheStatus: 'Plantain; fwd=miss; stored',
    costNanos: 45,
    error: null,
    ...over,
  };
}
