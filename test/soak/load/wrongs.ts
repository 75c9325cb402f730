import { FLASH, KEYS, PRO } from '../config.ts';
import type { Ask, Wrong } from './asks.ts';
import { bare, form, json, task } from './wire.ts';
import type { Wire } from './wire.ts';

const GENERATIONS = '/v1/images/generations';

/** Requests that can only be refused. `body` is a right one, to be spoilt. */
export const WRONG_WIRES = {
  'bad json': (ask, body) => ({ ...generation(ask, body), body: Buffer.from('{"prompt": "a fox",') }),
  'no key': (ask, body) => ({ ...generation(ask, body), headers: { 'content-type': 'application/json' } }),
  'bad key': (ask, body) => withKey(generation(ask, body), 'sk-soak-nobody'),
  'unknown model': (ask, body) => generation(ask, { ...body, model: 'gemini-9-image' }),
  'forbidden model': (ask, body) => withKey(generation(ask, { ...body, model: PRO }), KEYS.umbrella),
  'bad size': (ask) =>
    json(
      ask,
      `/v1beta/models/${FLASH}:generateContent`,
      { contents: [{ parts: [{ text: 'x' }] }], generationConfig: { imageConfig: { imageSize: '3K' } } },
      'error',
      { dialect: 'google' },
    ),
  'no prompt': (ask) =>
    json(ask, '/v1/messages', { model: FLASH, max_tokens: 9, messages: [] }, 'error', { dialect: 'claude' }),
  'bad form': (ask) => ({
    ...form(ask, '/v1/images/edits', {}, {}),
    shape: 'error',
    body: Buffer.from('--soak\r\nno form'),
  }),
  'no such path': (ask, body) => ({ ...json(ask, '/v1/embeddings', body, 'error'), route: 'unmatched' }),
  'wrong method': (ask) => bare(ask, 'DELETE', GENERATIONS, 'unmatched', 'error'),
  'no such task': (ask) => ({ ...task(ask, 'GET', `/v1/images/tasks/task_${'0'.repeat(32)}`), shape: 'error' }),
  'not cached': (ask, body) =>
    json(ask, GENERATIONS, { ...body, seed: 2_000_000 + ask.index }, 'error', {
      headers: { 'cache-control': 'only-if-cached' },
    }),
} as const satisfies Record<Wrong, (ask: Ask, body: Readonly<Record<string, unknown>>) => Wire>;

function generation(ask: Ask, body: Readonly<Record<string, unknown>>): Wire {
  return json(ask, GENERATIONS, body, 'error');
}

function withKey(wire: Wire, key: string): Wire {
  return { ...wire, headers: { ...wire.headers, authorization: `Bearer ${key}` } };
}
