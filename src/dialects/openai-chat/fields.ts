import { NO_MASKS, refusedOf } from '../../image/conversation.ts';
import type { OwnFields } from '../../image/native/extras.ts';

/** OpenAI's parameters, and those of OpenRouter that clients send: https://platform.openai.com/docs/api-reference/chat/create */
const NAMES = [
  'messages',
  'model',
  'n',
  'size',
  'quality',
  'background',
  'moderation',
  'output_format',
  'output_compression',
  'images_in',
  'response_format',
  'stream',
  'stream_options',
  'usage',
  'max_tokens',
  'max_completion_tokens',
  'stop',
  'presence_penalty',
  'frequency_penalty',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'web_search_options',
  'plugins',
  'reasoning_effort',
  'reasoning',
  'include_reasoning',
  'service_tier',
  'store',
  'metadata',
  'logprobs',
  'top_logprobs',
  'logit_bias',
  'user',
  'safety_identifier',
] as const;

export type OwnName = (typeof NAMES)[number];

const IN_MESSAGES =
  'this path takes it in messages, as a content part {"type":"image_url","image_url":{"url":"data:…"}}.';

const REFUSED = new Map([
  ...refusedOf({ field: 'messages', pictures: IN_MESSAGES, masks: NO_MASKS }),
  ['audio', 'no model here speaks; leave it out.'],
]);

export const COMPLETIONS = { names: NAMES, refused: REFUSED } as const satisfies OwnFields<OwnName>;
