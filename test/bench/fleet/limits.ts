import { askFor } from '../asks.ts';
import { askAll, byTurns } from './asking.ts';
import { ALLOWED, keyOf } from './fleet.ts';
import type { BenchFleet, LimitedTenant } from './fleet.ts';

export interface LimitRow {
  readonly limit: string;
  readonly asked: number;
  /** By their statuses. */
  readonly answered: number;
  /** As the vendor counted. */
  readonly letIn: number;
  readonly allowed: number;
  readonly isPassed: boolean;
}

const ASKED = 160;
const AT_ONCE = 64;
const IDENTICAL = 200;
/** Long enough for all who ask to be in the air together. */
const DRAWN_WITHIN_MS = 400;
const FROM = 1_000_000;

/** All instances are asked at once for more than their tenants may have: the vendor counts what came through. */
export async function benchLimits(fleet: BenchFleet): Promise<readonly LimitRow[]> {
  const { upstream, gateways } = fleet;
  const rows: LimitRow[] = [];

  async function pressed(tenant: LimitedTenant, delayMs: number) {
    await upstream.set({ reply: 'tiny', delayMs });
    // One after the other: its process answers in turn.
    await upstream.calls();
    await upstream.most();
    const ask = askFor({ ...gateways[0]!, headers: keyOf(tenant) }, 'gemini', 'fresh', 'tiny');
    const startedAt = performance.now();
    const statuses = await askAll(byTurns(gateways, ask, FROM, ASKED), AT_ONCE);
    const minutes = (performance.now() - startedAt) / 60_000;
    const answered = statuses.filter((status) => status === 200).length;
    return { answered, minutes, calls: await upstream.calls(), most: await upstream.most() };
  }
  function add(limit: string, asked: number, answered: number, letIn: number, allowed: number): void {
    rows.push({ limit, asked, answered, letIn, allowed, isPassed: letIn > allowed });
  }

  const bought = await pressed('pictures', 0);
  add('a budget for so many pictures', ASKED, bought.answered, bought.calls, ALLOWED.pictures);
  for (const tenant of ['imagesPerMinute', 'requestsPerMinute'] as const) {
    const { answered, calls, minutes } = await pressed(tenant, 0);
    // There is room for one more each time that a share of the minute is over.
    const allowed = ALLOWED[tenant] + Math.floor(ALLOWED[tenant] * minutes);
    add(tenant, ASKED, answered, calls, allowed);
  }
  const flown = await pressed('concurrentImages', DRAWN_WITHIN_MS);
  add('concurrentImages, at one time', ASKED, flown.answered, flown.most, ALLOWED.concurrentImages);

  await upstream.set({ reply: 'tiny', delayMs: DRAWN_WITHIN_MS });
  await upstream.calls();
  const ask = askFor(gateways[0]!, 'gemini', 'stored', 'tiny');
  const one = byTurns(gateways, () => ask(FROM), FROM, IDENTICAL);
  const statuses = await askAll(one, IDENTICAL);
  const answered = statuses.filter((status) => status === 200).length;
  add('one picture for all who ask for it', IDENTICAL, answered, await upstream.calls(), 1);
  await upstream.set({ reply: 'tiny', delayMs: 0 });
  return rows;
}
