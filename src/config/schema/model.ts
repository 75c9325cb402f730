import { Type } from 'typebox';
import type { Static } from 'typebox';
import { GROUNDINGS, USUAL_CEILING } from '../../image/model.ts';
import { ASPECT_RATIOS, TIERS } from '../../image/size.ts';
import { byTier, id, integer, list, object, onDisconnect, text, ttlSeconds, when } from './terms.ts';

/** The least that is not nothing: a price of 0 would let every budget stand still. */
const LEAST_USD = 0.000001;

const usd = (minimum: number, description: string) => Type.Number({ minimum, maximum: 10_000, description });

const price = object(
  {
    perImageUsd: Type.Optional(
      Type.Union([usd(LEAST_USD, 'US dollars.'), byTier(usd(LEAST_USD, 'US dollars.'), 'US dollars by tier.')], {
        description:
          'For a call that delivers a picture, extra pictures included. US dollars; one number, or a map by tier.',
        errorMessage: 'must be US dollars: a number, or a map of numbers by tier',
      }),
    ),
    perMillionTokensUsd: Type.Optional(
      object(
        {
          input: usd(0, 'Text and pictures that go up.'),
          text: usd(0, 'Text that comes back, and thinking.'),
          image: usd(LEAST_USD, 'Pictures that come back.'),
        },
        { description: 'US dollars for a million tokens.' },
      ),
    ),
    perSearchUsd: Type.Optional(
      usd(0, "Beside perMillionTokensUsd, for each query to a search engine. US dollars; absent: Google's 0.014."),
    ),
    ceiling: Type.Optional(
      object(
        {
          thinkingTokens: integer(0, 1_000_000, 'Tokens of thinking.', { default: USUAL_CEILING.thinkingTokens }),
          textTokens: integer(0, 1_000_000, 'Tokens of text beside the picture.', {
            default: USUAL_CEILING.textTokens,
          }),
          pictures: integer(1, 100, 'Pictures in one reply.', { default: USUAL_CEILING.pictures }),
          searches: integer(0, 1000, 'Queries to search engines, of a call that may search.', {
            default: USUAL_CEILING.searches,
          }),
        },
        { description: 'The most one call is believed to spend on what the request does not fix: budgets reserve it.' },
      ),
    ),
  },
  {
    minProperties: 1,
    description: 'What this upstream charges: perImageUsd or perMillionTokensUsd.',
    errorMessage: 'must have exactly one of perImageUsd, perMillionTokensUsd',
  },
);

const target = object(
  {
    upstream: id('Id of an upstream.'),
    model: text(
      '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
      'must be letters, digits, ".", "_" or "-"',
      'The name of the model there.',
    ),
    price,
  },
  { description: 'One offer of the model.' },
);

const date = (description: string) =>
  text('^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$', 'must be a date such as 2026-05-28', description);

export const model = object({
  id: id('The name that is routed to. A built-in one changes that model, any other adds one.'),
  aliases: Type.Optional(
    list(
      text(
        '^[a-z0-9][a-z0-9._-]{0,63}\\*?$',
        'must be lower-case letters, digits, ".", "_" or "-", with at most one "*", at the end',
        'A name.',
      ),
      'Other names it answers to; a trailing * is a pattern.',
    ),
  ),
  displayName: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'As people call it.' })),
  description: Type.Optional(Type.String({ maxLength: 1000, description: 'A sentence for lists of models.' })),
  ratios: Type.Optional(list(Type.Enum([...ASPECT_RATIOS]), 'Aspect ratios it draws.', { minItems: 1 })),
  tiers: Type.Optional(list(Type.Enum([...TIERS]), 'Sizes it draws.', { minItems: 1 })),
  maxReferences: Type.Optional(integer(0, 100, 'Pictures it takes in one request.')),
  inputs: Type.Optional(
    list(
      text('^[a-z]+/[a-z0-9.+-]+$', 'must be a MIME type such as image/png', 'A MIME type.'),
      'What it reads besides text.',
    ),
  ),
  imageTokens: Type.Optional(byTier(integer(1, 1_000_000, 'Tokens.'), 'Output tokens of one picture.')),
  referenceTokens: Type.Optional(integer(0, 1_000_000, 'Input tokens of one picture that goes up.')),
  inputTokenLimit: Type.Optional(integer(1, 100_000_000, 'Tokens.')),
  outputTokenLimit: Type.Optional(integer(1, 100_000_000, 'Tokens.')),
  released: Type.Optional(date('When it came out.')),
  retires: Type.Optional(
    Type.Union([date('When its vendor ends it.'), Type.Null()], { errorMessage: 'must be a date, or null' }),
  ),
  retired: Type.Optional(
    list(
      object({
        name: id('One of the aliases.'),
        deprecated: date('Since when another name is to be used instead.'),
        ends: Type.Union([date('When its vendor gives it up.'), Type.Null()], {
          errorMessage: 'must be a date, or null',
        }),
      }),
      'Names its vendor has given up, or will: whoever uses one is told so in headers, and counted.',
    ),
  ),
  thinkingLevels: Type.Optional(
    list(text('^[a-z]{1,20}$', 'must be a word such as high', 'A level.'), 'Levels of thinking, for /v1/capabilities.'),
  ),
  grounding: Type.Optional(list(Type.Enum([...GROUNDINGS]), 'What its search tool finds, for /v1/capabilities.')),
  cache: Type.Optional(
    object(
      {
        when: Type.Optional(when()),
        ttlSeconds: Type.Optional(ttlSeconds()),
        onDisconnect: Type.Optional(onDisconnect()),
      },
      { description: 'How its pictures are kept; what a tenant or a key says wins.' },
    ),
  ),
  fallback: Type.Optional(
    object(
      {
        model: id('The other model.'),
        maxPriceUsd: usd(LEAST_USD, 'The most one picture of it may cost at worst, as a quote tells. US dollars.'),
      },
      {
        description:
          'Another model that answers, and says so, where every target of this one is down and none can have cost anything.',
      },
    ),
  ),
  targets: Type.Optional(list(target, 'Who offers it, the preferred one first.', { minItems: 1, uniqueItems: false })),
});

export type ModelFile = Static<typeof model>;
export type PriceFile = Static<typeof price>;
