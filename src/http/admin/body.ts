import { GatewayError } from '../../errors.ts';
import { isMap } from '../../tenants/settings.ts';
import type { JsonMap } from '../../tenants/settings.ts';

/** More than settings ever have: what checks them takes a look at every value, and at every pair of mistakes. */
const MOST_VALUES = 2_000;
const MOST_DEPTH = 8;

/** Nothing at all is an empty map. Throws GatewayError `invalid_request`. */
export function parseBody(text: string): JsonMap {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new GatewayError('invalid_request', 'The body is no JSON.', { code: 'invalid_json' });
  }
  if (!isMap(value))
    throw new GatewayError('invalid_request', 'The body must be a JSON object.', { code: 'invalid_json' });
  if (count(value, 0) > MOST_VALUES)
    throw new GatewayError(
      'invalid_request',
      `The body holds too much: at most ${MOST_VALUES} values, ${MOST_DEPTH} deep.`,
      { code: 'body_too_large' },
    );
  return value;
}

/** Of a request that may have no body. */
export function bodyOf(body: unknown): JsonMap {
  return isMap(body) ? body : {};
}

/** How many values there are; more than allowed where they lie too deep. */
function count(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 1;
  if (depth >= MOST_DEPTH) return MOST_VALUES + 1;
  let sum = 1;
  for (const member of Object.values(value)) {
    sum += count(member, depth + 1);
    if (sum > MOST_VALUES) break;
  }
  return sum;
}
