import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';
import { Base64Writer } from '../wire/base64-writer.ts';
import { FormError, FormReader } from '../wire/form.ts';
import type { FormPart } from '../wire/form.ts';
import { isObject, JsonError, Lifter } from '../wire/json.ts';
import type { JsonObject, LiftLimits } from '../wire/json.ts';
import type { LongString } from '../wire/long-string.ts';
import { acquireOrRefuse } from './byte-budget.ts';
import type { ByteBudget, Room } from './byte-budget.ts';
import { checkCoding, mediaTypeOf } from './media-type.ts';
import type { MediaType } from './media-type.ts';

/** Longer strings are no part of the skeleton: prompts rarely are shorter. */
const LONG_BYTES = 1024;
const BODY_LIMITS = {
  /** What is parsed at one go, in some milliseconds. */
  skeletonBytes: 256 << 10,
  longStrings: 4096,
  // What we read and what the vendor reads must be the same, or a request is paid for that nobody meant.
  strictNames: true,
} satisfies Partial<LiftLimits>;

export interface ReadBody {
  readonly value: JsonObject;
  readonly byteLength: number;
  /**
   * To be called by everybody who needs the bytes, before the first of them is done; what it returns is to be called
   * when they are no longer needed. The last one gives them back to the budget.
   */
  readonly retain: () => () => void;
  /** Waits until so many bytes more may be held of another budget, and counts them for as long as the body. Throws `unavailable`. */
  readonly holdMore: (bytes: number, budget: ByteBudget) => Promise<void>;
}

/** Where a body comes from, and what may happen on the way. */
export interface BodySource {
  readonly raw: IncomingMessage;
  /** Tells a caller who asked first (`Expect: 100-continue`) to go ahead. */
  readonly welcome: () => void;
  /** Aborted when the caller hangs up. */
  readonly gone: AbortSignal;
  /** Aborted, with the GatewayError to answer with, when the rest can no longer arrive. */
  readonly broken: AbortSignal;
}

export interface BodyLimits {
  /** The largest body that is read. */
  readonly bytes: number;
  readonly budget: ByteBudget;
  /** A body holds room that others wait for: it has `graceMs`, and then must have come at `bytesPerSecond` or faster. */
  readonly pace: { readonly graceMs: number; readonly bytesPerSecond: number };
}

/** Ten references from a telephone at the edge of its network: some minutes. */
export const USUAL_PACE: BodyLimits['pace'] = { graceMs: 30_000, bytesPerSecond: 32 * 1024 };

/** Room for a body of unknown length is taken in steps. */
const STEP_BYTES = 1 << 20;

/** A form as the JSON that says the same. Throws GatewayError naming the field. */
export type FromForm = (parts: readonly FormPart[]) => JsonObject;

/** The bytes of a body as base64, with the room they are counted in. */
export interface ReadBytes {
  /** Canonical. */
  readonly data: LongString;
  /** Of the bytes themselves. */
  readonly byteLength: number;
  /** To be called when they are no longer needed. */
  readonly giveBack: () => void;
}

/** Receives a body of whatever type. Throws GatewayError as `readBody` does. */
export async function readBytes(source: BodySource, limits: BodyLimits): Promise<ReadBytes> {
  checkCoding(source.raw, 'send the bytes as they are');
  const reader = bytesReader(limits.bytes);
  const { value, giveBack } = await readWith(source, limits, reader);
  return { data: value, byteLength: reader.byteLength, giveBack };
}

/**
 * Receives a body and reads it as it comes: JSON, or a form where the path takes one. Throws GatewayError: 415 for
 * another type, 413 for a larger body, 408 for one that comes too slowly, 400 with the place of the mistake for anything
 * that is no JSON object, and no form.
 */
export async function readBody(
  source: BodySource,
  limits: BodyLimits,
  fromForm: FromForm | null = null,
): Promise<ReadBody> {
  const type = mediaTypeOf(source.raw, fromForm !== null);
  const reader = readerOf(type, limits.bytes, fromForm);
  const { value, rooms, giveBack } = await readWith(source, limits, reader);
  const { gone } = source;
  const holdMore: ReadBody['holdMore'] = async (bytes, budget) => {
    try {
      rooms.push(await acquireOrRefuse(budget, bytes, gone));
    } catch (error) {
      throw gone.aborted ? hungUp(error) : error;
    }
  };
  return { value, byteLength: reader.byteLength, retain: retainer(giveBack), holdMore };
}

interface Read<T> {
  readonly value: T;
  /** All that it is counted in. */
  readonly rooms: Room[];
  readonly giveBack: () => void;
}

async function readWith<T>(source: BodySource, limits: BodyLimits, reader: Reader<T>): Promise<Read<T>> {
  const { raw, gone } = source;
  const declared = raw.headers['content-length'] === undefined ? null : Number(raw.headers['content-length']);
  if (declared !== null && declared > limits.bytes) throw tooLarge(limits.bytes);
  const rooms: Room[] = [];
  const giveBack = (): void => rooms.forEach((room) => room.keep(0));
  try {
    rooms.push(await acquireOrRefuse(limits.budget, declared === null ? STEP_BYTES : reader.holds(declared), gone));
    await receive(source, limits.pace, (chunk) => {
      reader.push(chunk);
      if (reader.holds(reader.byteLength) <= heldBy(rooms)) return null;
      return acquireOrRefuse(limits.budget, STEP_BYTES, gone).then((room) => void rooms.push(room));
    });
    const value = reader.end();
    rooms.at(-1)?.keep(reader.holds(reader.byteLength) - heldBy(rooms.slice(0, -1)));
    return { value, rooms, giveBack };
  } catch (error) {
    giveBack();
    if (error instanceof JsonError) throw error.reason === 'too_large' ? tooLarge(limits.bytes, error) : notJson(error);
    if (error instanceof FormError) throw error.reason === 'body_too_large' ? tooLarge(limits.bytes) : notForm(error);
    if (gone.aborted || raw.errored !== null || raw.readableAborted) throw hungUp(error);
    throw error;
  }
}

/** What makes a value of a body, chunk by chunk. */
interface Reader<T> {
  readonly byteLength: number;
  push(chunk: Uint8Array): void;
  end(): T;
  /** How many bytes are held of so many that came. */
  holds(byteLength: number): number;
}

function readerOf(type: MediaType, bytes: number, fromForm: FromForm | null): Reader<JsonObject> {
  if (type.kind === 'json' || fromForm === null) return jsonReader(bytes);
  const form = new FormReader(type.boundary, { bytes });
  return {
    get byteLength() {
      return form.byteLength;
    },
    push: (chunk) => form.push(chunk),
    end: () => fromForm(form.end()),
    holds: asBase64,
  };
}

function bytesReader(limitBytes: number): Reader<LongString> {
  const base64 = new Base64Writer();
  return {
    get byteLength() {
      return base64.byteLength;
    },
    push(chunk) {
      base64.push(chunk);
      if (base64.byteLength > limitBytes) throw tooLarge(limitBytes);
    },
    end: () => base64.end(),
    holds: asBase64,
  };
}

/** Bytes become base64, of which four characters stand for three of them. */
function asBase64(byteLength: number): number {
  return Math.ceil((byteLength * 4) / 3);
}

function jsonReader(bytes: number): Reader<JsonObject> {
  const lifter = new Lifter({ ...BODY_LIMITS, bytes }, LONG_BYTES);
  return {
    get byteLength() {
      return lifter.byteLength;
    },
    push: (chunk) => lifter.push(chunk),
    end() {
      const value = lifter.end();
      if (isObject(value)) return value;
      throw new GatewayError('invalid_request', 'The body must be a JSON object.', { code: 'invalid_json' });
    },
    holds: (byteLength) => byteLength,
  };
}

function heldBy(rooms: readonly Room[]): number {
  return rooms.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Hands over chunk after chunk, pausing where `use` asks for time. Ends after the last one; rejects when the rest cannot
 * come or does not come, and with what `use` throws. What comes after that is left where it is.
 */
async function receive(
  { raw, welcome, gone, broken }: BodySource,
  { graceMs, bytesPerSecond }: BodyLimits['pace'],
  use: (chunk: Uint8Array) => Promise<void> | null,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const startedAt = performance.now();
  let received = 0;
  const keepPace = (): void => {
    const leftMs = startedAt + graceMs + (received / bytesPerSecond) * 1000 - performance.now();
    if (leftMs <= 0) reject(tooSlow(bytesPerSecond));
    else timer = setTimeout(keepPace, leftMs);
  };
  let timer = setTimeout(keepPace, graceMs);
  const take = (chunk: Uint8Array): void => {
    received += chunk.byteLength;
    try {
      const pause = use(chunk);
      if (pause === null) return;
      raw.pause();
      pause.then(() => raw.resume(), reject);
    } catch (error) {
      reject(error);
    }
  };
  const stop = (event: Event): void => reject((event.target as AbortSignal).reason);
  try {
    for (const signal of [gone, broken]) signal.throwIfAborted();
    gone.addEventListener('abort', stop);
    broken.addEventListener('abort', stop);
    raw.on('data', take).once('end', resolve).once('error', reject);
    welcome();
    await promise;
  } finally {
    clearTimeout(timer);
    gone.removeEventListener('abort', stop);
    broken.removeEventListener('abort', stop);
    raw.off('data', take).off('end', resolve).off('error', reject);
  }
}

function retainer(last: () => void): () => () => void {
  let users = 0;
  return () => {
    let uses = true;
    users += 1;
    return () => {
      if (!uses) return;
      uses = false;
      users -= 1;
      if (users === 0) last();
    };
  };
}

const MIB = 1 << 20;

function hungUp(cause: unknown): GatewayError {
  return new GatewayError('invalid_request', 'The caller hung up.', { code: 'client_closed', status: 499 }, cause);
}

function tooLarge(limitBytes: number, cause?: JsonError): GatewayError {
  if (cause !== undefined && !cause.message.includes(String(limitBytes)))
    return new GatewayError('too_large', `The body is too large: ${cause.message}`, { code: 'body_too_large' });
  const size = limitBytes >= MIB && limitBytes % MIB === 0 ? `${limitBytes / MIB} MiB` : `${limitBytes} bytes`;
  return new GatewayError('too_large', `The body is too large: at most ${size} are read.`, { code: 'body_too_large' });
}

function tooSlow(bytesPerSecond: number): GatewayError {
  const message = `The body came too slowly: at least ${bytesPerSecond} bytes a second are expected of it.`;
  return new GatewayError('invalid_request', message, { status: 408, code: 'body_too_slow' });
}

function notJson(error: JsonError): GatewayError {
  return new GatewayError('invalid_request', `The body cannot be read: ${error.message}`, { code: 'invalid_json' });
}

function notForm({ reason, field, message }: FormError): GatewayError {
  const words =
    field === null ? `The form cannot be read: ${message}.` : `The form cannot be read at ${shown(field)}: ${message}.`;
  const failure = reason === 'part_too_large' ? 'too_large' : 'invalid_request';
  return new GatewayError(failure, words, { ...(field !== null && { param: shown(field) }), code: 'invalid_form' });
}

/** Names are the caller's, of any length and any characters. */
function shown(field: string): string {
  return field.slice(0, 60).toWellFormed();
}
