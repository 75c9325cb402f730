import { EVENT_STREAM_HEADERS } from '../exchange.ts';
import { framePiece } from '../payload.ts';
import { writeJson } from '../words.ts';
import { unknownModel, VendorError } from '../errors.ts';
import { isObject } from '../../wire/json.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { FaultSpec } from './fault.ts';

/** How a stream goes wrong after it has begun, or refuses to begin. A plain call shows nothing of it. What was begun is billed. */
export const STREAMS = {
  'stream-error': {
    description: 'an error event in the place of the last piece of a stream',
    pieces: (pieces) => [
      ...pieces.slice(0, -1),
      new VendorError('INTERNAL', 'Internal error encountered.').body as JsonObject,
    ],
  },
  'stream-error-first': {
    description: 'a stream of one event, which is an error',
    insteadOfStream: () => ({
      status: 200,
      headers: EVENT_STREAM_HEADERS,
      chunks: framePiece(writeJson(overloaded().body, 0), 'events', 0, 1),
    }),
  },
  'stream-unfinished': {
    description: 'a stream that ends in good order without its last piece, and so without finishReason and true usage',
    pieces: (pieces) => pieces.slice(0, -1),
  },
  'stream-no-usage': {
    description: 'a stream whose last piece lacks usageMetadata; those before it have it',
    pieces: (pieces) =>
      pieces.map((piece, index) => (index === pieces.length - 1 ? without(piece, 'usageMetadata') : piece)),
  },
  'stream-cut': { description: 'RST behind the drafts of a stream', breaksOff: true },
  'stream-done': {
    description: 'a stream with data: [DONE] at its end, as resellers send it',
    ending: 'data: [DONE]\n\n',
  },
  'stream-one-piece': {
    description: 'a stream of one piece that holds the whole reply',
    pieces: (pieces) => [joined(pieces)],
  },
  'stream-unknown': {
    description: '404 on :streamGenerateContent; :generateContent answers',
    insteadOfStream: (asked) => unknownModel(asked.name, 'v1beta', 'streamGenerateContent'),
  },
  'stream-refused': {
    description: '400 on :streamGenerateContent, which says that streaming is not supported; :generateContent answers',
    insteadOfStream: () => new VendorError('INVALID_ARGUMENT', 'Streaming is not supported for this model.'),
  },
} as const satisfies Record<string, FaultSpec>;

function overloaded(): VendorError {
  return new VendorError('UNAVAILABLE', 'The model is overloaded. Please try again later.');
}

function without(words: JsonObject, field: string): JsonObject {
  return Object.fromEntries(Object.entries(words).filter(([name]) => name !== field));
}

function joined(pieces: readonly JsonObject[]): JsonObject {
  const candidates = pieces.flatMap((piece) => (Array.isArray(piece['candidates']) ? piece['candidates'] : []));
  const parts = candidates.flatMap((candidate) => {
    const content = isObject(candidate) ? candidate['content'] : null;
    return isObject(content) && Array.isArray(content['parts']) ? content['parts'] : [];
  });
  const last = candidates.at(-1);
  return {
    ...pieces.at(-1),
    candidates: [{ ...(isObject(last) ? last : {}), content: { parts, role: 'model' } }],
  };
}
