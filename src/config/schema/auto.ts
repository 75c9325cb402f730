import { Type } from 'typebox';
import type { Static } from 'typebox';
import { USUAL_RULES } from '../../image/auto.ts';
import { QUALITIES, TIERS } from '../../image/size.ts';
import { integer, list, object } from './terms.ts';

const when = object(
  {
    quality: Type.Optional(
      list(Type.Enum([...QUALITIES]), "OpenAI's quality; hd and above are high.", { minItems: 1 }),
    ),
    tier: Type.Optional(list(Type.Enum([...TIERS]), 'The size asked for, by name or in pixels.', { minItems: 1 })),
    minReferences: Type.Optional(integer(1, 100, 'Pictures that go up.')),
    minPromptCharacters: Type.Optional(integer(1, 10_000_000, 'Characters of text that go up.')),
    mentions: Type.Optional(
      list(Type.String({ minLength: 1, maxLength: 100 }), 'Words or phrases, one of which is in the text.', {
        minItems: 1,
      }),
    ),
  },
  { minProperties: 1, description: 'What a request must be, all of it; absent: the rule always holds.' },
);

export const auto = Type.Array(
  object({
    when: Type.Optional(when),
    model: Type.String({ minLength: 1, maxLength: 100, description: 'Any name of the model that is then chosen.' }),
  }),
  {
    maxItems: 100,
    default: [...USUAL_RULES],
    description: 'Which model the name auto stands for: that of the first rule that holds. []: there is no such name.',
  },
);

export type AutoFile = Static<typeof auto>;
