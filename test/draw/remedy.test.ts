import { describe, expect, test } from 'vitest';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { judge } from '../../src/draw/judge.ts';
import { downOf, remedyFor } from '../../src/draw/remedy.ts';
import type { Sent } from '../../src/upstreams/client.ts';
import { Regions } from '../../src/wire/regions.ts';
import type { Json } from '../../src/wire/json.ts';
import { draw } from '../cache/samples.ts';

const reply = (status: number, words: Json): Sent => ({ kind: 'reply', status, words, retryAfter: null });
const google = (code: number, status: string, message = 'x'): Json => ({ error: { code, status, message } });
const judged = (sent: Sent) => judge(gemini, sent, draw(), new Regions({ spareBytes: 0 }));

describe('whether an upstream is down', () => {
  test.each<[number, Json, 'for_nothing' | 'perhaps_paid' | undefined]>([
    [503, google(503, 'UNAVAILABLE'), 'for_nothing'],
    [500, google(500, 'INTERNAL'), 'for_nothing'],
    [429, google(429, 'RESOURCE_EXHAUSTED'), 'for_nothing'],
    [401, google(401, 'UNAUTHENTICATED'), 'for_nothing'],
    [404, google(404, 'NOT_FOUND'), 'for_nothing'],
    [405, null, 'for_nothing'],
    [302, null, 'for_nothing'],
    [521, null, 'for_nothing'],
    [502, null, 'perhaps_paid'],
    [504, google(504, 'DEADLINE_EXCEEDED'), 'perhaps_paid'],
    [499, google(499, 'CANCELLED'), 'perhaps_paid'],
    [204, null, 'perhaps_paid'],
    [400, google(400, 'INVALID_ARGUMENT'), undefined],
    [422, { detail: 'bad' }, undefined],
    [413, null, undefined],
    // In a 200 they say the same.
    [200, google(503, 'UNAVAILABLE'), 'for_nothing'],
    [200, google(429, 'RESOURCE_EXHAUSTED', 'limit: 0'), 'for_nothing'],
    [200, google(504, 'DEADLINE_EXCEEDED'), 'perhaps_paid'],
    [200, {}, 'perhaps_paid'],
    [200, google(400, 'INVALID_ARGUMENT'), undefined],
    [200, { promptFeedback: { blockReason: 'SAFETY' } }, undefined],
  ])('%i %j: %s', async (status, words, down) => {
    const found = await judged(reply(status, words));
    expect(downOf(found)).toBe(down);
    // What may have cost something is charged, and never followed by another call.
    expect(found.charge === 'worst').toBe(down === 'perhaps_paid');
    if (down === 'perhaps_paid') expect(remedyFor(found)).toBe('none');
  });
});
