import type { OwnFields } from '../../image/native/extras.ts';

/** OpenRouter's parameters: https://openrouter.ai/docs/api/api-reference/images */
const NAMES = [
  'prompt',
  'model',
  'n',
  'size',
  'resolution',
  'quality',
  'background',
  'output_format',
  'output_compression',
  'input_references',
  'stream',
  'user',
  'provider',
  'session_id',
  'trace',
] as const;

export type OwnName = (typeof NAMES)[number];

/** What would change the picture so much that leaving it out is no option. */
const REFUSED = new Map([
  ...['image', 'images', 'image_url', 'reference_images'].map(
    (name) =>
      [name, 'send pictures as input_references: [{"type": "image_url", "image_url": {"url": "data:..."}}].'] as const,
  ),
  ['mask', 'this path has no masks. Send picture and mask to /v1/images/edits.'],
  ['contents', 'this path takes a prompt. Send contents to :generateContent.'],
]);

export const IMAGES: OwnFields<OwnName> = { names: NAMES, refused: REFUSED };
