import { weigh } from '../draw/weigh.ts';
import { GatewayError } from '../errors.ts';
import type { GatewayParts } from '../gateway.ts';
import { withWarnings } from '../image/delivery.ts';
import type { Model } from '../image/model.ts';
import { usdToNanos, worstCaseNanos } from '../image/price.ts';
import type { Asking, Planned } from './plan.ts';

/**
 * The same request planned for the model that its own falls over to, exactly as if it had asked for that one, with those
 * targets alone whose worst case is within the ceiling for each of its pictures. Null: the other model may not be used by
 * this caller, cannot do it, or is too dear.
 *
 * Not under an Idempotency-Key: the first answer is that of every repetition, and a repetition looks for its own model's.
 */
export async function planInstead(
  { router }: Pick<GatewayParts, 'router'>,
  { caller, idempotencyKey }: Pick<Asking, 'caller' | 'idempotencyKey'>,
  { fallback }: Pick<Model, 'fallback'>,
  planOn: (model: Model) => Promise<Planned>,
): Promise<Planned | null> {
  if (fallback === undefined || idempotencyKey !== null) return null;
  try {
    const other = router.find(fallback.model, caller.tenant.models);
    return within(usdToNanos(fallback.maxPriceUsd), await planOn(other));
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

function within(mostNanos: number, planned: Planned): Planned | null {
  const { model, pictures, withoutSignatures } = planned;
  const facts = pictures.filter(({ hit }) => hit === null).map(({ draw }) => weigh(draw));
  const targets = model.targets.filter(({ price }) =>
    facts.every((each) => worstCaseNanos(price, model, each) <= mostNanos),
  );
  const [target] = targets;
  if (target === undefined) return null;
  const again = async (): Promise<Planned> => {
    const planned = within(mostNanos, await withoutSignatures!());
    if (planned === null) throw new GatewayError('unavailable', 'Without its signatures it is too dear.');
    return planned;
  };
  return {
    ...planned,
    model: { ...model, targets },
    target,
    isNarrow: targets.length < model.targets.length,
    instead: null,
    withoutSignatures: withoutSignatures === null ? null : again,
  };
}

/** Whether another model may be asked after this: nobody could draw the picture, and nothing of it can have cost anything. */
export function isFreeOutage(error: unknown): error is GatewayError {
  return error instanceof GatewayError && error.detail.down === 'for_nothing' && (error.detail.costNanos ?? 0) === 0;
}

/**
 * Whether it is the other model's failure that is told, and not the first: it goes on, it may have cost something, or the
 * vendor has read the request and will not draw it.
 */
export function standsAlone({ failure, detail }: GatewayError): boolean {
  const isVerdict = failure === 'blocked_prompt' || failure === 'blocked_output' || failure === 'no_image';
  const goesOn = failure === 'upstream_timeout' && detail.retry === true;
  return isVerdict || goesOn || (detail.costNanos ?? 0) > 0 || detail.down === 'perhaps_paid';
}

/** The other's plan, saying why it is the other's. */
export function withReason(planned: Planned, asked: Model, { failure }: GatewayError): Planned {
  const { request, model } = planned;
  const warning = `${asked.id} could not be had just now (${failure}): ${model.id} answers in its place, as is configured here.`;
  return { ...planned, request: withWarnings(request, [warning]) };
}
