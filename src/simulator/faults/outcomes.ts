import type { Reply } from '../reply.ts';
import type { FaultSpec } from './fault.ts';

const RETHINK = 'Try rephrasing the prompt. If you think this was an error, send feedback.';
const UNABLE = 'Unable to show the generated image.';

/** The model stopped for this reason and drew nothing. What is blocked is not charged; what was merely not drawn is. */
function stopped(finishReason: string, charged: boolean, finishMessage: string | null = null): FaultSpec {
  return {
    description: `200 without a picture, finishReason ${finishReason}${charged ? '; words and thinking are billed' : ''}`,
    reply: (reply) => ({ ...withoutPicture(reply), parts: [], finishReason, finishMessage, charged }),
  };
}

/** The prompt was not let through: no candidate at all. */
function blocked(blockReason: string): FaultSpec {
  return {
    description: `200 without candidates, blockReason ${blockReason}`,
    reply: (reply) => ({
      ...reply,
      parts: [],
      finishReason: null,
      blockReason,
      grounding: null,
      tokens: { ...reply.tokens, text: 0, image: 0, thinking: 0 },
      charged: false,
    }),
  };
}

function withoutPicture(reply: Reply): Reply {
  return { ...reply, grounding: null, tokens: { ...reply.tokens, image: 0 } };
}

function refusedImage(finishReason: string, because: string): FaultSpec {
  return stopped(finishReason, false, `${UNABLE} ${because} You will not be charged for this request. ${RETHINK}`);
}

/** Every way the vendor ends a call without a picture: https://ai.google.dev/api/generate-content#FinishReason */
export const OUTCOMES = {
  'no-image': stopped('NO_IMAGE', true),
  'no-image-text': {
    description: '200 with words instead of a picture, finishReason STOP; they are billed',
    reply: (reply) => ({
      ...withoutPicture(reply),
      parts: [
        { kind: 'text', text: 'I would rather describe it: a quiet landscape.', thought: false, signature: null },
      ],
    }),
  },
  'drafts-only': {
    description: '200 with drafts (thought: true) and no picture after them, finishReason STOP',
    reply: (reply) => ({
      ...withoutPicture(reply),
      parts: reply.parts.flatMap((part) =>
        part.kind === 'picture' ? [{ ...part, thought: true, signature: null }] : [],
      ),
    }),
  },
  'empty-content': stopped('STOP', true),
  'max-tokens': stopped('MAX_TOKENS', true),
  'image-safety': refusedImage('IMAGE_SAFETY', 'The generated image was filtered out because it violated the policy.'),
  'image-prohibited': refusedImage('IMAGE_PROHIBITED_CONTENT', 'The generated image may contain prohibited content.'),
  'image-recitation': refusedImage('IMAGE_RECITATION', 'The generated image may resemble existing works too closely.'),
  'image-other': refusedImage('IMAGE_OTHER', 'The model could not generate the image based on the prompt provided.'),
  safety: stopped('SAFETY', false),
  'prohibited-content': stopped('PROHIBITED_CONTENT', false),
  recitation: stopped('RECITATION', false),
  blocklist: stopped('BLOCKLIST', false),
  spii: stopped('SPII', false),
  language: stopped('LANGUAGE', true),
  other: stopped('OTHER', true),
  'malformed-response': stopped('MALFORMED_RESPONSE', true),
  'unknown-reason': stopped('A_REASON_OF_NEXT_YEAR', true),
  'blocked-safety': blocked('SAFETY'),
  'blocked-prohibited': blocked('PROHIBITED_CONTENT'),
  'blocked-blocklist': blocked('BLOCKLIST'),
  'blocked-image-safety': blocked('IMAGE_SAFETY'),
  'blocked-model-armor': blocked('MODEL_ARMOR'),
  'blocked-jailbreak': blocked('JAILBREAK'),
  'blocked-other': blocked('OTHER'),
  'high-usage': {
    description: 'a picture that took 60,000 tokens of thinking, and they are billed',
    reply: (reply) => ({ ...reply, tokens: { ...reply.tokens, thinking: 60_000 } }),
  },
} as const satisfies Record<string, FaultSpec>;
