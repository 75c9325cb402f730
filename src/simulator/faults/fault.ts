import type { JsonObject } from '../../wire/json.ts';
import type { VendorError } from '../errors.ts';
import type { Exchange, Payload } from '../exchange.ts';
import type { Reply, Studio } from '../reply.ts';
import type { Asked } from '../request.ts';

/** One way to misbehave: what it is, and the step of an ordinary call it spoils. */
export interface FaultSpec {
  readonly description: string;
  /** Milliseconds before the answer, on top of the set latency, unless the rule names its own. */
  readonly delayMs?: number;
  /** Answers instead of drawing: nothing is drawn and nothing is billed. */
  readonly instead?: (asked: Asked) => VendorError | Payload | Promise<Payload>;
  /** Draws something else than was asked. */
  readonly ask?: (asked: Asked) => Asked;
  /** Changes what the model came up with, and with it the bill. */
  readonly reply?: (reply: Reply, asked: Asked, studio: Studio) => Reply | Promise<Reply>;
  /** Changes how it is written down; the bill stays. */
  readonly words?: (words: JsonObject) => JsonObject;
  /** Of a stream alone: changes the pieces of it; the bill stays. */
  readonly pieces?: (pieces: readonly JsonObject[]) => readonly JsonObject[];
  /** Of a stream of events alone: the bytes of one more frame behind the last. */
  readonly ending?: string;
  /** Of a stream alone: breaks the connection off behind what was shown half way. */
  readonly breaksOff?: true;
  /** Of a stream alone: answers instead of drawing. */
  readonly insteadOfStream?: (asked: Asked) => VendorError | Payload;
  /** Spoils the JSON text: in a stream that of the last event. */
  readonly text?: (json: readonly Uint8Array[]) => readonly Uint8Array[];
  /** Spoils the sending. It decides by itself how long to hold, so a rule's delay is its `hold`, not a wait before it. */
  readonly send?: (exchange: Exchange) => void | Promise<void>;
}
