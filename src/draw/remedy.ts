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
const NOT_THERE = new Set(['upstream_location', 'upstream_model']);

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
