import { GatewayError } from '../errors.ts';

const RETRY_AFTER_SECONDS = 5;

/** A longer one fires at once: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2_147_483_647;

/** The first of several outcomes, or `upstream_timeout` after so many ms; `late` is called then. */
export async function firstOf<T>(outcomes: readonly Promise<T>[], withinMs: number, late: () => void): Promise<T> {
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => {
      late();
      deadline.reject(
        new GatewayError(
          'upstream_timeout',
          'The picture is not ready yet, and work on it goes on. ' +
            `Send the same request again in ${RETRY_AFTER_SECONDS} seconds to collect it: it is not drawn twice.`,
          { retryAfterSeconds: RETRY_AFTER_SECONDS, retry: true },
        ),
      );
    },
    Math.min(withinMs, LONGEST_TIMER_MS),
  ).unref();
  try {
    return await Promise.race([...outcomes, deadline.promise]);
  } finally {
    clearTimeout(timer);
  }
}
