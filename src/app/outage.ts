import { GatewayError } from '../errors.ts';
import type { Log } from '../log.ts';
import { RedisFailure } from '../redis.ts';

/** Logs what work in the background met. A store that is away is no fault of ours, and the next time does what this one did not. */
export function logTrouble(log: Log, message: string): (error: unknown) => void {
  return (error) => {
    const reason = outageOf(error);
    if (reason === null) log.fault(message, error);
    else log.warn(message, { reason });
  };
}

function outageOf(error: unknown): string | null {
  if (error instanceof GatewayError && error.failure === 'unavailable') return outageOf(error.cause) ?? error.message;
  return error instanceof RedisFailure && error.kind !== 'refused' ? error.message : null;
}
