import { JsonError, Lifter } from '../wire/json.ts';
import type { Json } from '../wire/json.ts';
import { EventReader } from '../wire/sse.ts';

export interface ReceiveOptions {
  /** The largest reply that is read, in bytes. */
  readonly bytes: number;
  /** Copies received bytes to where those of a long reply stay; the words are views on that. */
  readonly keep: (bytes: Uint8Array) => Uint8Array;
  /** Called once, before a reply grows long. */
  readonly onLong?: () => Promise<void>;
}

/**
 * So much of a reply stays as it came: what is shorter is cheap garbage. Of more, V8 collects the whole heap every few
 * replies, as each piece is a buffer outside of it that lives for as long as the reply.
 */
const AS_IT_CAME_BYTES = 1 << 17;

const BLANKS = new Set(Buffer.from(' \t\r\n'));
const BRACE = 0x7b;
const BRACKET = 0x5b;

/** A reply of JSON. Throws JsonError. */
export async function receiveWhole(body: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<Json> {
  const lifter = new Lifter({ bytes: options.bytes });
  await receive(body, options, (chunk) => lifter.push(chunk));
  return lifter.end();
}

/**
 * A reply of events, as the list of their data, each of which is told when it is there; or one of JSON after all, for not
 * every upstream that knows the method streams. Throws JsonError.
 */
export async function receivePieces(
  body: AsyncIterable<Uint8Array>,
  options: ReceiveOptions,
  onPiece: (piece: Json) => void,
): Promise<Json> {
  const pieces: Json[] = [];
  let reader: EventReader | Lifter | null = null;
  await receive(body, options, (chunk) => {
    reader ??= isJson(chunk)
      ? new Lifter({ bytes: options.bytes })
      : new EventReader({ bytes: options.bytes }, (piece) => {
          pieces.push(piece);
          onPiece(piece);
        });
    reader.push(chunk);
  });
  const words = (reader as EventReader | Lifter | null)?.end();
  if (words !== undefined) return words;
  if (pieces.length === 0) throw new JsonError('syntax', 0, 'the stream holds no event');
  return pieces;
}

async function receive(
  body: AsyncIterable<Uint8Array>,
  { keep, onLong }: ReceiveOptions,
  push: (chunk: Uint8Array) => void,
): Promise<void> {
  let byteLength = 0;
  let isLong = false;
  for await (const chunk of body) {
    if (!isLong && byteLength + chunk.length > AS_IT_CAME_BYTES) {
      isLong = true;
      await onLong?.();
    }
    if (byteLength < AS_IT_CAME_BYTES) push(chunk);
    else {
      push(keep(chunk));
      letGo(chunk);
    }
    byteLength += chunk.length;
  }
}

function isJson(chunk: Uint8Array): boolean {
  const first = chunk.find((byte) => !BLANKS.has(byte));
  return first === BRACE || first === BRACKET;
}

/**
 * Frees the memory of a chunk that was copied, now and not when the next collection finds it: a reply comes in hundreds of
 * them. Only one that has its buffer to itself: a part of a pool never covers all of it.
 */
function letGo({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteOffset === 0 && byteLength === buffer.byteLength) buffer.transfer(0);
}
