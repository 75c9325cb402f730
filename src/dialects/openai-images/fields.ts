import type { OwnFields } from '../../image/native/extras.ts';

/** OpenAI's parameters: https://platform.openai.com/docs/api-reference/images/create */
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
] as const;

export type OwnName = (typeof NAMES)[number];

/** What would change the picture so much that leaving it out is no option. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['complexity', 'no Gemini model knows it; use quality or thinking_config.'],
  ['frame_count', 'only still pictures are drawn.'],
  ['frame_duration_ms', 'only still pictures are drawn.'],
  ['svg', 'only png, jpeg and webp are drawn.'],
  ...['image', 'images', 'image_url', 'input_references', 'reference_images', 'mask', 'markup'].map(
    (name) => [name, 'this path draws from text alone. Send pictures as inlineData to :generateContent.'] as const,
  ),
  ...['contents', 'systemInstruction', 'system_instruction'].map(
    (name) => [name, 'this path takes a prompt. Send contents to :generateContent.'] as const,
  ),
]);

export const GENERATIONS = { names: NAMES, refused: REFUSED } as const satisfies OwnFields<OwnName>;
