import { Type } from 'typebox';
import type { Static } from 'typebox';
import { address, byTier, bytes, deadline, id, integer, list, MINUTE_MS, object, text, variable } from './terms.ts';

export const upstream = object({
  id: id('Its name here: in targets, metrics and logs.'),
  kind: Type.Enum(['gemini'], { default: 'gemini', description: 'The wire it speaks.' }),
  baseUrl: address(
    'http(s) address; a path prefix is kept, the version is added by the gateway. "simulator:" is the built-in simulator.',
  ),
  auth: Type.Enum(['x-goog-api-key', 'bearer'], {
    default: 'x-goog-api-key',
    description: 'How it takes its key; resellers differ.',
  }),
  keyFrom: Type.Optional(
    variable('The environment variable with its key; the same name with _FILE behind it names a file.'),
  ),
  keysFrom: Type.Optional(
    list(variable('An environment variable with a key.'), 'Several keys instead of one.', { minItems: 1 }),
  ),
  answerWithinMs: deadline(2 * MINUTE_MS, 'What a caller waits.'),
  abandonAfterMs: deadline(5 * MINUTE_MS, 'When the work is given up.'),
  connectMs: integer(100, MINUTE_MS, 'How long a connection to it may take. In milliseconds.', { default: 5_000 }),
  firstByteMs: Type.Optional(
    integer(
      1_000,
      60 * MINUTE_MS,
      'How long its answer may take to begin; absent: as long as all of it. In milliseconds.',
    ),
  ),
  idleMs: integer(1_000, 10 * MINUTE_MS, 'The longest pause within an answer. In milliseconds.', { default: 30_000 }),
  sizeNames: Type.Optional(
    byTier(text('^[A-Za-z0-9._-]{1,32}$', 'must be a word', 'Their spelling.'), 'Tiers it spells in its own way.'),
  ),
  replyBytes: bytes(96 << 20, 'The largest reply that is read.'),
  repeats: integer(
    0,
    5,
    'How often a call that cannot have cost anything is made again, before the next target is asked.',
    {
      default: 2,
    },
  ),
  breaker: Type.Boolean({
    default: true,
    description: 'Whether it is left alone while it fails, and its keys rest when they are refused.',
  }),
});

export type UpstreamFile = Static<typeof upstream>;
