import { FLASH } from '../config.ts';
import type { Ask, Kind, Subject } from './asks.ts';
import type { Samples } from './samples.ts';
import { bare, form, json } from './wire.ts';
import type { Wire } from './wire.ts';
import { WRONG_WIRES } from './wrongs.ts';

const GENERATIONS = '/v1/images/generations';
const EDITS = '/v1/images/edits';
const CLAUDE = { dialect: 'claude', headers: { 'anthropic-version': '2023-06-01' } } as const;
const OPENROUTER = { dialect: 'openrouter' } as const;
const GOOGLE = { dialect: 'google' } as const;

const WIRES: Record<Kind, (ask: Ask, samples: Samples) => Wire> = {
  images: (ask) => json(ask, GENERATIONS, imagesOf(ask.subject), 'images'),
  'images stream': (ask) =>
    json(ask, GENERATIONS, { ...singleOf(ask.subject), stream: true, partial_images: 2 }, 'images stream'),
  'images bare': (ask) => json(ask, GENERATIONS, singleOf(ask.subject), 'bare', { headers: { accept: 'image/*' } }),
  'images link': (ask) => json(ask, GENERATIONS, { ...singleOf(ask.subject), response_format: 'url' }, 'link'),
  'images task': (ask) =>
    json(ask, GENERATIONS, imagesOf(ask.subject), 'task', { headers: { prefer: 'respond-async' } }),
  'edit json': (ask, { png }) =>
    json(ask, EDITS, { ...singleOf(ask.subject), images: [{ image_url: dataUrl(png) }] }, 'images'),
  'edit form': (ask, { png }) => form(ask, EDITS, singleOf(ask.subject), { image: png }),
  'edit mask': (ask, { png, mask }) => form(ask, EDITS, singleOf(ask.subject), { image: png, mask }),
  variation: (ask, { jpeg }) => {
    const { prompt: _, ...fields } = singleOf(ask.subject);
    return form(ask, '/v1/images/variations', fields, { image: jpeg });
  },
  big: (ask, { big }) => {
    const picture = { inlineData: { mimeType: 'image/png', data: big.toString('base64') } };
    return json(ask, `/v1beta/models/${FLASH}:generateContent`, nativeOf(ask.subject, [picture]), 'gemini', GOOGLE);
  },
  chat: (ask) => json(ask, '/v1/chat/completions', { ...chatOf(ask.subject), n: ask.subject.n }, 'chat'),
  'chat stream': (ask) => json(ask, '/v1/chat/completions', { ...chatOf(ask.subject), stream: true }, 'chat stream'),
  'chat turns': (ask) => json(ask, '/v1/chat/completions', chatOf(ask.subject), 'chat'),
  responses: (ask) => json(ask, '/v1/responses', responsesOf(ask.subject), 'responses'),
  'responses stream': (ask) =>
    json(ask, '/v1/responses', { ...responsesOf(ask.subject), stream: true }, 'responses stream'),
  claude: (ask) => json(ask, '/v1/messages', { ...chatOf(ask.subject), max_tokens: 1024 }, 'claude', CLAUDE),
  'claude stream': (ask) =>
    json(ask, '/v1/messages', { ...chatOf(ask.subject), max_tokens: 1024, stream: true }, 'claude stream', CLAUDE),
  gemini: (ask) => json(ask, `/v1beta/models/${FLASH}:generateContent`, nativeOf(ask.subject), 'gemini', GOOGLE),
  'gemini events': (ask) =>
    json(ask, `/v1beta/models/${FLASH}:streamGenerateContent?alt=sse`, nativeOf(ask.subject), 'gemini events', GOOGLE),
  'gemini array': (ask) => {
    const body = nativeOf(ask.subject, [], { thinkingConfig: { includeThoughts: true } });
    return json(ask, `/v1/models/${FLASH}:streamGenerateContent`, body, 'gemini array', GOOGLE);
  },
  openrouter: (ask) => json(ask, '/api/v1/images', openrouterOf(ask.subject), 'images', OPENROUTER),
  'openrouter stream': (ask) =>
    json(ask, '/api/v1/images', { ...openrouterOf(ask.subject), stream: true }, 'images stream', OPENROUTER),
  file: (ask, { png }) => ({ ...form(ask, '/v1/files', { purpose: 'vision' }, { file: png }), shape: 'file' }),
  quote: (ask) => json(ask, `/v1/quote?for=${encodeURIComponent(GENERATIONS)}`, imagesOf(ask.subject), 'quote'),
  count: (ask) => {
    const { contents } = nativeOf(ask.subject);
    return json(ask, `/v1beta/models/${FLASH}:countTokens`, { contents }, 'count', GOOGLE);
  },
  models: (ask) => bare(ask, 'GET', '/v1/models', '/v1/models', 'json'),
  wrong: (ask) => WRONG_WIRES[ask.wrong](ask, imagesOf(ask.subject)),
};

/** The first request of an ask; what follows it is in `drive.ts`. */
export function wireOf(ask: Ask, samples: Samples): Wire {
  return WIRES[ask.kind](ask, samples);
}

function dataUrl(png: Buffer): string {
  return `data:image/png;base64,${png.toString('base64')}`;
}

function seeded({ seed }: Subject): { readonly seed?: number } {
  return seed === null ? {} : { seed };
}

/** Of one picture. */
export function singleOf(subject: Subject) {
  return { model: FLASH, prompt: subject.prompt, image_size: subject.tier, ...seeded(subject) };
}

function imagesOf(subject: Subject) {
  return { ...singleOf(subject), n: subject.n };
}

export function chatOf(subject: Subject) {
  const messages = [{ role: 'user', content: subject.prompt }];
  return { model: FLASH, messages, image_size: subject.tier, ...seeded(subject) };
}

function responsesOf(subject: Subject) {
  const tools = [{ type: 'image_generation' }];
  return { model: FLASH, input: subject.prompt, tools, image_size: subject.tier, ...seeded(subject) };
}

function openrouterOf(subject: Subject) {
  return { model: `google/${FLASH}`, prompt: subject.prompt, resolution: subject.tier, ...seeded(subject) };
}

function nativeOf(subject: Subject, more: readonly object[] = [], config: object = {}) {
  const image = { responseModalities: ['IMAGE'], imageConfig: { imageSize: subject.tier } };
  return {
    contents: [{ role: 'user', parts: [{ text: subject.prompt }, ...more] }],
    generationConfig: { ...image, ...seeded(subject), ...config },
  };
}
