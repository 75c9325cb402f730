import { GatewayError } from '../errors.ts';

const WAIT_SECONDS = 5;
const ROOM_SECONDS = 60;
const LOOK_SECONDS = 2;
const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

export function tooManyOfTenant(most: number): GatewayError {
  const message = `${most} tasks of this tenant are in the air, which is the most at one time. Wait until one of them has ended.`;
  return new GatewayError('rate_limited', message, { code: 'too_many_tasks', retryAfterSeconds: WAIT_SECONDS });
}

export function tooManyKept(bytes: number): GatewayError {
  const message =
    `The answers of this tenant's tasks fill the ${mebibytes(bytes)} there are for them. ` +
    'DELETE the tasks whose answers you have, or wait until they expire.';
  return new GatewayError('rate_limited', message, { code: 'too_many_tasks', retryAfterSeconds: WAIT_SECONDS });
}

export function tooManyInAll(most: number): GatewayError {
  const message = `${most} tasks are in the air, which is the most this gateway takes on. Send the request again a little later.`;
  return new GatewayError('unavailable', message, { code: 'too_many_tasks', retryAfterSeconds: WAIT_SECONDS });
}

/** An answer that cannot be kept for as long as is promised is not begun. */
export function noRoomForAnswers(): GatewayError {
  const message =
    'There is no room for another answer that waits to be collected. Nothing was drawn. Send the request without Prefer: respond-async, or try again later.';
  return new GatewayError('unavailable', message, {
    code: 'no_room_for_tasks',
    param: 'Prefer',
    retryAfterSeconds: ROOM_SECONDS,
    // An SDK would wait a minute by itself, and in vain: room comes as answers expire.
    retry: false,
  });
}

/** What is not on this instance may be on another. */
export function tasksUnknown(): GatewayError {
  const message =
    'Where the instances of this gateway keep their tasks nothing can be read now. Nothing is lost: ask again in a moment.';
  return new GatewayError('unavailable', message, { code: 'store_unavailable', retryAfterSeconds: LOOK_SECONDS });
}

/** Another tenant's, one that never was, and one that has expired: nobody can tell them apart. */
export function unknownTask(): GatewayError {
  const message =
    'There is no such task. It may have expired, or have been begun by another instance of the gateway that shares no Redis with this one.';
  return new GatewayError('invalid_request', message, {
    status: 404,
    code: 'task_not_found',
    param: 'id',
    retry: false,
  });
}

/** The gateway ended while it was being drawn. */
export function interrupted(): GatewayError {
  const message =
    'The gateway was restarted while this was being drawn. It may have been paid for, and is charged as unknown until the ' +
    "vendor's bill says more. Send the request again to have it drawn.";
  return new GatewayError('upstream_failed', message, { code: 'interrupted', retry: false });
}

/** Drawn, and not there any more. */
export function resultGone(): GatewayError {
  const message =
    'The answer of this task is not kept any more: it had to make room for others, or was purged. Send the request again; ' +
    'what the cache still has of it costs nothing.';
  return new GatewayError('unavailable', message, { code: 'result_gone', retry: false });
}
