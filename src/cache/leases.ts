import { FAILURE_STATUS, GatewayError } from '../errors.ts';
import type { Failure, FailureDetail } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../wire/json.ts';

/** Which of several instances does the work that all of them were asked for. */
export interface Leases {
  /**
   * Settles whose work it is. Where another instance is at it already, that one is waited for: until its answer can be
   * collected, it has failed, it leaves the work to others, or it is dead. Never rejects, and ends soon after `deserted`.
   */
  seek<T>(name: string, wishes: Wishes<T>): Promise<Turn<T>>;
}

export interface Wishes<T> {
  /** Reads what another instance has just stored. Null: it is not to be had. */
  readonly collect: () => Promise<T | null>;
  /** Told once, when whoever would have led turns out to wait for another instance. */
  readonly onWait: () => void;
  /** Aborted when nobody wants it any more. */
  readonly deserted: AbortSignal;
}

export type Turn<T> =
  /** Do it. Without a lease nobody else can be asked: this process is on its own then. */
  | { readonly kind: 'lead'; readonly lease: Lease | null }
  | { readonly kind: 'collected'; readonly value: T }
  /** What the other came to. */
  | { readonly kind: 'failed'; readonly error: GatewayError }
  | { readonly kind: 'deserted' };

/** The right to do it, as long as its holder is heard of. */
export interface Lease {
  /** Higher than that of whoever held it before. */
  readonly token: number;
  /** What a store compares before it lets the answer in; see `Fence`. */
  readonly fence: Fence;
  /**
   * Whether it is still this holder's: to be asked right before the answer is stored. One who was frozen for too long has
   * lost it, and must not put its answer in the place of its successor's. Never rejects; where it cannot be known, no.
   */
  isMine(): Promise<boolean>;
  /** Whether somebody may wait for it elsewhere. Never rejects; where it cannot be known, yes. */
  isAwaited(): Promise<boolean>;
  /** Tells those who wait. Only the first call counts, and none of a holder who has lost it. Never rejects. */
  end(how: Ending): Promise<void>;
}

/** The place in Redis where it is written who may store the answer: whoever has another token may not. */
export interface Fence {
  readonly key: string;
  readonly token: number;
}

export type Ending =
  /** The answer is where all instances find it. */
  | 'stored'
  /** There is an answer, and it cannot be handed on: whoever waits has to do it too. */
  | 'unkept'
  /** This holder could not, and others perhaps can: the next who waits has it. */
  | 'left'
  /** It came to nothing, for all who wait. */
  | { readonly failed: GatewayError };

/** Failures that speak of one instance: that another one fails too is not said. */
const OF_ONE_INSTANCE: ReadonlySet<Failure> = new Set(['unavailable', 'internal']);

/** How a failed work is told to other instances. `inPerson`: it speaks of the one caller who led. */
export function endingOf(error: unknown, inPerson: boolean): Ending {
  if (inPerson || !(error instanceof GatewayError) || OF_ONE_INSTANCE.has(error.failure)) return 'left';
  return { failed: error };
}

/** Characters of JSON; what a vendor said at greater length stays at home. */
const LONGEST_FAILURE = 16_384;

/** A failure for another instance: never what it cost, which those who wait do not pay, nor its cause. */
export function writeFailure({ failure, message, detail }: GatewayError): string {
  const { param, code, status, retryAfterSeconds, retry, down, vendor } = detail;
  const told = { failure, message, param, code, status, retryAfterSeconds, retry, down };
  const whole = JSON.stringify({ ...told, vendor });
  return whole.length <= LONGEST_FAILURE ? whole : JSON.stringify({ ...told, message: message.slice(0, 1_024) });
}

/** Null for what no gateway of this version wrote. */
export function readFailure(text: string): GatewayError | null {
  const read = parsed(text);
  const { failure, message } = read;
  if (!isFailure(failure) || typeof message !== 'string') return null;
  const { vendor, down } = read;
  const detail: FailureDetail = {
    param: textOf(read['param']),
    code: textOf(read['code']),
    status: numberOf(read['status']),
    retryAfterSeconds: numberOf(read['retryAfterSeconds']),
    ...(typeof read['retry'] === 'boolean' && { retry: read['retry'] }),
    ...((down === 'for_nothing' || down === 'perhaps_paid') && { down }),
    ...(isObject(vendor) &&
      typeof vendor['status'] === 'number' && { vendor: { status: vendor['status'], words: vendor['words'] } }),
  };
  return new GatewayError(failure, message, detail);
}

function parsed(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isFailure(value: Json | undefined): value is Failure {
  return typeof value === 'string' && Object.hasOwn(FAILURE_STATUS, value);
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
