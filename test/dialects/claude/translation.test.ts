import { expect, test } from 'vitest';
import { parseRequest } from '../../../src/dialects/claude/request.ts';
import { gemini } from '../../../src/dialects/gemini/dialect.ts';
import type { JsonObject } from '../../../src/wire/json.ts';
import { drawOf, flash, geminiCall, pro, received } from '../draws.ts';

const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };

const FIXTURES: readonly JsonObject[] = [
  { messages: [{ role: 'user', content: '"$& {{x}} 🦊 שלום' }], seed: 7 },
  {
    system: [{ type: 'text', text: 'be brief' }],
    messages: [
      { role: 'user', content: [image, { type: 'text', text: 'as a drawing' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Here:' }, image] },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 't', content: [image, { type: 'text', text: 'so' }] }],
      },
    ],
    max_tokens: 9000,
    temperature: 0,
    top_p: 0.5,
    top_k: 40,
    stop_sequences: ['END'],
    thinking: { type: 'enabled', budget_tokens: 2048 },
    tools: [{ type: 'web_search_20250305', name: 'web_search' }],
    aspect_ratio: '21:9',
    image_size: '4K',
    safety_settings: [{ category: 'A', threshold: 'off' }],
    google: { newest: 1 },
  },
];

test.each(FIXTURES.flatMap((body) => [flash, pro].map((model) => ({ body, model }))))(
  'a draw rendered for an upstream and read again is the same draw (%#)',
  ({ body, model }) => {
    const draw = drawOf(parseRequest(body), model);
    const wire = received(JSON.stringify(gemini.renderRequest(draw)));
    const { parseRequest: parseNative } = gemini.routes[0]!;
    expect(drawOf(parseNative(wire, { ...geminiCall, pathModel: model.id }), model)).toEqual(draw);
  },
);
