import type { DrawParts } from '../draw.ts';
import type { Answer } from '../image/answer.ts';
import { formatUsd } from '../image/price.ts';
import type { Caller } from '../tenants/authenticate.ts';
import type { Hold } from '../tenants/state.ts';

type Parts = Pick<DrawParts, 'metrics' | 'log' | 'pauses'>;

/** A reply that cost more than was set aside is charged truly; somebody should raise the target's ceiling. */
export function alarmOfExcess({ metrics, log }: Parts, hold: Hold, costNanos: number): void {
  const nanos = costNanos - hold.worstNanos;
  if (nanos <= 0) return;
  const { tenant, model, upstream } = hold;
  metrics.budgetExcess(model, tenant, nanos);
  const fields = { tenant, model, upstream, heldUsd: formatUsd(hold.worstNanos), costUsd: formatUsd(costNanos) };
  log.warn('budget: a reply cost more than its worst case; the ceiling of its target is too low', fields);
}

/** The vendor's words for what no setting allows: https://ai.google.dev/api/generate-content#FinishReason */
const PROHIBITED = ['PROHIBITED_CONTENT', 'IMAGE_PROHIBITED_CONTENT'];

/** Counts a prohibited prompt or picture against the key that sent it. */
export function noteProhibited({ metrics, log, pauses }: Parts, caller: Caller, answer: Answer | null): void {
  if (answer === null || answer.verdict === 'picture' || !PROHIBITED.includes(answer.reason ?? '')) return;
  const until = pauses.note(caller);
  if (until === null) return;
  const tenant = caller.tenant.id;
  metrics.keyPaused(tenant);
  log.warn('key paused: too many of its prompts or pictures were prohibited content', {
    tenant,
    key: caller.keyId,
    until: new Date(until).toISOString(),
  });
}
