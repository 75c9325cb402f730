import { refusedOf } from '../../image/conversation.ts';
import type { OwnFields } from '../../image/native/extras.ts';
import { NOT_DRAWN } from '../openai-pictures.ts';

/** What the tool says of the picture, which may stand at the top as well, as it does on OpenAI's other paths. */
export const OF_PICTURES = [
  'size',
  'quality',
  'output_format',
  'output_compression',
  'partial_images',
  'input_fidelity',
] as const;

/** OpenAI's parameters: https://platform.openai.com/docs/api-reference/responses/create */
const NAMES = [
  'input',
  'model',
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_tool_calls',
  'max_output_tokens',
  'reasoning',
  'text',
  'include',
  'stream',
  'stream_options',
  'store',
  'background',
  'previous_response_id',
  'conversation',
  'prompt',
  'context_management',
  'truncation',
  'top_logprobs',
  'metadata',
  'moderation',
  'service_tier',
  'image',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
  'access_programs',
  'response_format',
  'user',
  'safety_identifier',
  'n',
  ...OF_PICTURES,
] as const;

export type OwnName = (typeof NAMES)[number];

const IN_INPUT = 'this path takes it in input, as a content part {"type":"input_image","image_url":"data:…"}.';

const REFUSED = refusedOf({
  field: 'input',
  pictures: IN_INPUT,
  masks: 'this path takes it as input_image_mask of the image_generation tool.',
});

export const RESPONSES = { names: NAMES, refused: REFUSED } as const satisfies OwnFields<OwnName>;

/** Of the tool: https://platform.openai.com/docs/guides/tools-image-generation */
const TOOL_NAMES = [...OF_PICTURES, 'background', 'moderation', 'input_image_mask', 'action', 'model', 'n'] as const;

export type ToolName = (typeof TOOL_NAMES)[number];

export const TOOL = {
  names: TOOL_NAMES,
  refused: new Map([...REFUSED, ...NOT_DRAWN]),
} as const satisfies OwnFields<ToolName>;
