import { eventsIn } from '../../support/events.ts';
import type { Shape } from './answers.ts';

/** A stream as its caller's SDK reads it: Gemini's array is one too. */
export interface Streamed {
  readonly pieces: readonly unknown[];
  /** What went wrong after its beginning is told in it. */
  readonly failed: boolean;
}

interface Piece {
  readonly type?: string;
  readonly error?: unknown;
  readonly choices?: readonly { readonly finish_reason?: string | null }[];
  readonly candidates?: readonly { readonly finishReason?: string }[];
  readonly promptFeedback?: { readonly blockReason?: string };
}

const DONE = 'data: [DONE]\n\n';

/** By what each dialect's stream is known to be whole; without it, it was cut off. */
const ENDS: Partial<Record<Shape, (piece: Piece) => boolean>> = {
  'images stream': ({ type }) => type?.endsWith('.completed') === true,
  'responses stream': ({ type }) => /^response\.(?:completed|failed|incomplete)$/.test(type ?? ''),
  'claude stream': ({ type }) => type === 'message_stop',
  'chat stream': ({ choices }) => typeof choices?.[0]?.finish_reason === 'string',
  'gemini events': isLastOfGemini,
  'gemini array': isLastOfGemini,
};

/** Throws where it does not come to its end. */
export function readStream(text: string, shape: Shape): Streamed {
  const pieces = (shape === 'gemini array' ? JSON.parse(text) : eventsOf(text, shape)) as readonly Piece[];
  const isEnd = ENDS[shape];
  // A response that failed says so in its last event, and has `error: null` in all others.
  const failed = pieces.some(
    ({ type, error }) => type === 'error' || type === 'response.failed' || (type === undefined && error != null),
  );
  if (!failed && !pieces.some((piece) => isEnd?.(piece))) throw new Error('the stream has no end');
  return { pieces, failed };
}

function eventsOf(text: string, shape: Shape): readonly unknown[] {
  const lines = text.replaceAll('\r\n', '\n');
  if (shape === 'chat stream' && !lines.endsWith(DONE)) throw new Error('the stream has no [DONE]');
  return eventsIn(lines.endsWith(DONE) ? lines.slice(0, -DONE.length) : lines).map(({ data }) => data);
}

function isLastOfGemini({ candidates, promptFeedback }: Piece): boolean {
  return typeof candidates?.[0]?.finishReason === 'string' || typeof promptFeedback?.blockReason === 'string';
}
