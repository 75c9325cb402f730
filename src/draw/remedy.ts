import type { Failure, FailureDetail } from '../errors.ts';
import type { Judged } from './judge.ts';

/** What may be done about an attempt that came to nothing. */
export type Remedy =
  /** Nothing: it is the caller's, it may have cost money, or it would come to the same again. */
  | 'none'
  /** The target has a passing trouble: the same again after a pause, and then another target. */
  | 'repeat'
  /** The key has no more of this model for a while: another key, or this one when it may. */
  | 'rest_for_model'
  /** The key is refused: another key. */
  | 'rest'
  /** The target cannot do it: another target. */
  | 'elsewhere';

const REFUSED_FOR_ALL = new Set(['upstream_credentials']);
const NOT_THERE = new Set(['upstream_location', 'upstream_model', 'upstream_loop']);

/** Only what cannot have cost anything is ever tried again. */
export function remedyFor({ charge, error, outcome }: Judged): Remedy {
  if (error === null || charge !== 'nothing') return 'none';
  if (outcome === 'not_sent') return 'repeat';
  const { failure, detail } = error;
  const code = detail.code ?? '';
  // Capacity is the model's, whoever asks: it condemns no key.
  if (failure === 'upstream_busy') return code === 'upstream_capacity' ? 'repeat' : 'rest_for_model';
  if (failure === 'upstream_quota') return 'rest_for_model';
  if (REFUSED_FOR_ALL.has(code)) return 'rest';
  if (NOT_THERE.has(code)) return 'elsewhere';
  return failure === 'upstream_failed' && detail.retry === true ? 'repeat' : 'none';
}

/** Failures of the upstream's account or place, of which the caller's request knows nothing. */
const OURS = new Set([...REFUSED_FOR_ALL, ...NOT_THERE]);

/**
 * Whether a last attempt came to nothing because its target is down, and what that may have cost; undefined: it drew, or
 * would have, or the reason lies in the request.
 */
export function downOf({ charge, error, outcome }: Judged): FailureDetail['down'] {
  // Some refuse a request in a 200, or with a 5xx.
  if (error === null || ABOUT_REQUEST.has(error.failure)) return undefined;
  const { failure, detail } = error;
  // What it says with a 4xx and is not about the request, such as a 405, is about itself.
  const isItsOwn = DOWN.has(failure) || OURS.has(detail.code ?? '') || outcome === 'http_4xx';
  if (!isItsOwn && !UNANSWERED.has(outcome)) return undefined;
  return charge === 'nothing' ? 'for_nothing' : 'perhaps_paid';
}

const DOWN: ReadonlySet<Failure> = new Set(['upstream_busy', 'upstream_quota', 'upstream_timeout']);
const ABOUT_REQUEST: ReadonlySet<Failure> = new Set(['invalid_request', 'unsupported', 'too_large']);
const UNANSWERED: ReadonlySet<Judged['outcome']> = new Set([
  'not_sent',
  'timeout',
  'reset',
  'truncated',
  'too_large',
  'parse',
  'http_5xx',
]);

/** What a call says of the health of its target; null: nothing. A picture that was refused or did not come says that it is well. */
export function healthOf({ outcome }: Judged): boolean | null {
  switch (outcome) {
    case 'not_sent':
    case 'timeout':
    case 'reset':
    case 'truncated':
    case 'too_large':
    case 'parse':
    case 'http_5xx':
      return false;
    case 'http_429':
    case 'http_4xx':
    case 'cancelled':
      return null;
    default:
      return true;
  }
}
