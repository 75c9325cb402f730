import type { OwnFields } from '../../image/native/extras.ts';
import { NOT_DRAWN } from '../openai-pictures.ts';

/** OpenAI's parameters, and `fit`, which is ours: https://platform.openai.com/docs/api-reference/images/create */
const NAMES = [
  'prompt',
  'model',
  'n',
  'size',
  'quality',
  'background',
  'moderation',
  'output_format',
  'output_compression',
  'response_format',
  'stream',
  'partial_images',
  'style',
  'input_fidelity',
  'user',
  'safety_identifier',
  'fit',
] as const;

/** Where pictures to draw from stand: a form has `image`, OpenAI's JSON `images`. */
export const PICTURE_NAMES = ['image', 'images'] as const;

export type OwnName = (typeof NAMES)[number] | (typeof PICTURE_NAMES)[number] | 'mask';

/** What would change the picture so much that leaving it out is no option. */
const REFUSED: readonly (readonly [string, string])[] = [
  ...NOT_DRAWN,
  ...['contents', 'systemInstruction', 'system_instruction'].map(
    (name) => [name, 'this path takes a prompt. Send contents to :generateContent.'] as const,
  ),
];

const OTHER_NAMES = ['image_url', 'input_references', 'reference_images'];

const each = (names: readonly string[], sentence: string) => names.map((name) => [name, sentence] as const);

export const GENERATIONS: OwnFields<OwnName> = {
  names: NAMES,
  refused: new Map([
    ...REFUSED,
    ...each(
      [...PICTURE_NAMES, ...OTHER_NAMES, 'mask', 'markup'],
      'this path draws from text alone. Send pictures to /v1/images/edits.',
    ),
  ]),
};

export const EDITS: OwnFields<OwnName> = {
  names: [...NAMES, ...PICTURE_NAMES, 'mask'],
  refused: new Map([
    ...REFUSED,
    ...each(OTHER_NAMES, 'send pictures as image in a form, or as images: [{"image_url": "data:..."}] in JSON.'),
    ...each(['markup'], 'no Gemini model knows it. Draw into the picture itself, or send a mask.'),
  ]),
};

export const VARIATIONS: OwnFields<OwnName> = {
  names: [...NAMES.filter((name) => name !== 'prompt'), ...PICTURE_NAMES],
  refused: new Map([
    ...REFUSED,
    ...each([...OTHER_NAMES, 'mask', 'markup'], 'a variation is made of one picture: send it as image.'),
    ['prompt', 'a variation is made of a picture alone. Send prompt and picture to /v1/images/edits.'],
  ]),
};
