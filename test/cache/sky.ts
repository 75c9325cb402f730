import { Flights, type FlightsOptions } from '../../src/cache/flights.ts';
import { type Failure, GatewayError } from '../../src/errors.ts';

/** An hour: a deadline no test waits for. */
export const LONG = 3_600_000;

export function sky(options: Partial<FlightsOptions<string>> = {}) {
  const clock = { now: 0 };
  return { clock, flights: new Flights<string>({ now: () => clock.now, sizeOf: (value) => value.length, ...options }) };
}

export interface Work {
  readonly lead: () => Promise<string>;
  readonly land: (value: string) => void;
  readonly fail: (error: unknown) => void;
  begun: number;
}

/** A lead that lands or fails when told to, and counts how often it was begun. */
export function work(): Work {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const made: Work = {
    begun: 0,
    land: resolve,
    fail: reject,
    lead: () => {
      made.begun += 1;
      return promise;
    },
  };
  return made;
}

export const never = (): Promise<string> => {
  throw new Error('this lead was not to be begun');
};

export function refused(failure: Failure = 'budget_exhausted'): GatewayError {
  return new GatewayError(failure, 'refused');
}
