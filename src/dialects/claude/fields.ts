import { NO_MASKS, refusedOf } from '../../image/conversation.ts';
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

const REFUSED = refusedOf({ field: 'messages', pictures: IN_MESSAGES, masks: NO_MASKS });

export const MESSAGES = { names: NAMES, refused: REFUSED } as const satisfies OwnFields<OwnName>;
