import { GatewayError } from '../../errors.ts';
import { nanosToUsd, usdToNanos } from '../../image/price.ts';
import { isMap, mistaken } from '../../tenants/settings.ts';
import type { JsonMap, JsonValue } from '../../tenants/settings.ts';
import type { Adjustment } from '../../tenants/state.ts';
import { bodyOf } from './body.ts';
import { noMore } from './keys.ts';
import { readQuery } from './query.ts';
import type { AdminRoute, Asked, RouteParts } from './route.ts';

const MOST_HOLDS = 500;
/** Holds are UUIDs; a key, or anything else that was sent as one, is not said back. */
const HOLD = /^[0-9a-f-]{1,64}$/;
const ADJUSTMENT = /^[\w.:/-]{1,200}$/;
const MOST_USD = 1_000_000;
const MAX_REASON = 200;

/** Corrections of what the ledger charged, each with its row in the audit trail. */
export function correctionRoutes({ registry, ledger, now }: RouteParts): readonly AdminRoute[] {
  /** What is asked for; a body that makes no sense is a row too. */
  async function readOr<T>({ body, query, who }: Asked, action: string, read: (body: JsonMap) => T): Promise<T> {
    readQuery(query, []);
    try {
      return read(bodyOf(body));
    } catch (error) {
      return refuse(who, action, error);
    }
  }

  /** Rejects with the refusal, which has its row. */
  function refuse(who: Asked['who'], action: string, refusal: unknown): Promise<never> {
    return registry.change(who, action, 'ledger', () => {
      throw refusal;
    });
  }

  return [
    {
      path: '/admin/ledger/refund',
      methods: {
        async POST(asked) {
          const holds = await readOr(asked, 'ledger.refund', readHolds);
          const ask = { at: now(), ...asked.who, action: 'ledger.refund', subject: 'ledger' };
          const nanos = await ledger.refund(holds, ask);
          return { body: { refunds: holds.map((hold, index) => ({ hold, usd: nanosToUsd(nanos[index] ?? 0) })) } };
        },
      },
    },
    {
      path: '/admin/ledger/adjust',
      methods: {
        async POST(asked) {
          const adjustments = await readOr(asked, 'ledger.adjust', readAdjustments);
          const told: JsonMap[] = [];
          for (const adjustment of adjustments) {
            const ask = { at: now(), ...asked.who, action: 'ledger.adjust', subject: 'ledger' };
            const { id: hold, adjustment: id } = adjustment;
            try {
              told.push({ id, hold, changedUsd: nanosToUsd(await ledger.adjust(adjustment, ask)) });
            } catch (error) {
              // One that cannot be made does not keep the others from being told.
              if (!(error instanceof GatewayError) || error.failure !== 'invalid_request') throw error;
              await refuse(asked.who, 'ledger.adjust', error).catch((again: unknown) => {
                if (again !== error) throw again;
              });
              told.push({ id, hold, refused: error.message });
            }
          }
          return { body: { adjustments: told } };
        },
      },
    },
  ];
}

function readHolds(body: JsonMap): readonly string[] {
  noMore(body, ['holds']);
  const { holds } = body;
  const found = Array.isArray(holds) ? holds.filter((hold) => typeof hold === 'string' && HOLD.test(hold)) : [];
  if (Array.isArray(holds) && found.length === holds.length && found.length > 0 && found.length <= MOST_HOLDS)
    return found.map(String);
  throw mistaken(
    'holds',
    `must be a list of 1 to ${MOST_HOLDS} ids of holds, as "plantain ledger reconcile" lists them`,
  );
}

function readAdjustments(body: JsonMap): readonly Adjustment[] {
  noMore(body, ['adjustments']);
  const { adjustments } = body;
  if (!Array.isArray(adjustments) || adjustments.length === 0 || adjustments.length > MOST_HOLDS)
    throw mistaken('adjustments', `must be a list of 1 to ${MOST_HOLDS} of { id, hold, usd, reason }`);
  return adjustments.map((each, index) => readAdjustment(each, `adjustments[${index}]`));
}

function readAdjustment(sent: JsonValue, path: string): Adjustment {
  if (!isMap(sent)) throw mistaken(path, 'must be { id, hold, usd, reason }');
  noMore(sent, ['id', 'hold', 'usd', 'reason']);
  const { id, hold, usd, reason } = sent;
  if (typeof hold !== 'string' || !HOLD.test(hold)) throw mistaken(`${path}.hold`, 'must be the id of a hold');
  if (typeof id !== 'string' || !ADJUSTMENT.test(id))
    throw mistaken(
      `${path}.id`,
      'must be a name of this adjustment, which is made once: up to 200 letters, digits, "_.:/-"',
    );
  if (typeof usd !== 'number' || !(usd >= 0 && usd <= MOST_USD))
    throw mistaken(`${path}.usd`, 'must be what it truly cost, in US dollars');
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > MAX_REASON)
    throw mistaken(`${path}.reason`, `must say why, in up to ${MAX_REASON} characters`);
  return { adjustment: id, id: hold, nanos: usdToNanos(usd), reason };
}
