import { GatewayError } from '../errors.ts';

const RETRY_AFTER_SECONDS = 5;

/** A longer one fires at once: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Of what comes first; `upstream_timeout` when that is the caller's own deadline, and `late` is called before. */
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

/** How work that may fail comes to its end. Never rejects. */
export async function settled<T>(lead: () => Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await lead() };
  } catch (error) {
    return { error };
  }
}
