import type { OwnFields } from '../../image/native/extras.ts';

/** Claude's parameters, and OpenAI's words for the picture itself: https://docs.claude.com/en/api/messages */
const NAMES = [
  'messages',
  'model',
  'max_tokens',
  'system',
  'stream',
  'stop_sequences',
  'metadata',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'service_tier',
  'cache_control',
  'container',
  'context_management',
  'mcp_servers',
  'inference_geo',
  'speed',
  'diagnostics',
  'user_profile_id',
  'workspace_id',
  'n',
  'size',
  'quality',
  'background',
  'output_format',
  'output_compression',
] as const;

export type OwnName = (typeof NAMES)[number];

const IN_MESSAGES =
  'this path takes it in messages, as a block {"type":"image","source":{"type":"base64","media_type":"image/png","data":"…"}}.';

/** What would change the picture so much that leaving it out is no option. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['prompt', 'this path takes messages: [{"role":"user","content":"…"}]. Send a prompt to /v1/images/generations.'],
  ['input', 'this path takes messages: [{"role":"user","content":"…"}].'],
  ...['image', 'images', 'image_url', 'input_references', 'reference_images'].map(
    (name) => [name, IN_MESSAGES] as const,
  ),
  ...['mask', 'markup'].map((name) => [name, 'this path knows no masks; say in a message what to change.'] as const),
  ...['contents', 'systemInstruction', 'system_instruction'].map(
    (name) => [name, 'this path takes messages. Send contents to :generateContent.'] as const,
  ),
]);

export const MESSAGES = { names: NAMES, refused: REFUSED } as const satisfies OwnFields<OwnName>;
