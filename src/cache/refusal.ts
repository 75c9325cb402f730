import { GatewayError } from '../errors.ts';
import type { Failure } from '../errors.ts';

/** Failures that speak of the one caller who led, and say nothing to the others aboard. */
const IN_PERSON: ReadonlySet<Failure> = new Set([
  'forbidden',
  'rate_limited',
  'budget_reserved',
  'budget_exhausted',
  'not_cached',
]);

export function isRefusalInPerson(error: unknown): boolean {
  return error instanceof GatewayError && (error.detail.inPerson ?? IN_PERSON.has(error.failure));
}
