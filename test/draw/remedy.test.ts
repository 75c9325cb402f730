import { describe, expect, test } from 'vitest';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { judge } from '../../src/draw/judge.ts';
import { downOf, healthOf, remedyFor } from '../../src/draw/remedy.ts';
import { GatewayError } from '../../src/errors.ts';
import type { LostReason, Sent } from '../../src/upstreams/client.ts';
import { Regions } from '../../src/wire/regions.ts';
import type { Json } from '../../src/wire/json.ts';
import { draw } from '../cache/samples.ts';

const reply = (status: number, words: Json): Sent => ({ kind: 'reply', status, words, retryAfter: null });
const google = (code: number, status: string, message = 'x'): Json => ({ error: { code, status, message } });
const judged = (sent: Sent) =>
  judge({ dialect: gemini, regions: new Regions({ spareBytes: 0 }), isKept: false }, sent, draw());

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

describe('what a call says of the health of its target', () => {
  const lost = (reason: LostReason): Sent => ({
    kind: 'lost',
    reason,
    error: new GatewayError('upstream_failed', 'x'),
  });
  const notSent = (isCancelled: boolean): Sent => ({
    kind: 'not_sent',
    isCancelled,
    error: new GatewayError('unavailable', 'x'),
  });

  test.each<[string, Sent, boolean | null]>([
    ['it cannot be reached', notSent(false), false],
    ['it took too long', lost('timeout'), false],
    ['it broke off', lost('reset'), false],
    ['its answer was cut', lost('truncated'), false],
    ['its answer had no end', lost('too_large'), false],
    ['its answer was no JSON', lost('not_json'), false],
    ['it failed', reply(500, google(500, 'INTERNAL')), false],
    ['it is overloaded', reply(503, google(503, 'UNAVAILABLE')), false],
    ['its caller left before it was reached', notSent(true), null],
    ['its caller left', lost('cancelled'), null],
    ['it takes no more for now', reply(429, google(429, 'RESOURCE_EXHAUSTED')), null],
    ['a key was refused', reply(401, google(401, 'UNAUTHENTICATED')), null],
    ['it does not know the model', reply(404, google(404, 'NOT_FOUND')), null],
    ['the request was wrong', reply(400, google(400, 'INVALID_ARGUMENT')), null],
    ['the prompt was blocked', reply(200, { promptFeedback: { blockReason: 'SAFETY' } }), true],
    ['no picture came', reply(200, { candidates: [{ finishReason: 'NO_IMAGE' }] }), true],
  ])('%s', async (_what, sent, health) => {
    const found = await judged(sent);
    expect(healthOf(found)).toBe(health);
    // Nothing is held against who was never reached, and all that is lost is charged.
    expect(found.charge).toBe(sent.kind === 'not_sent' ? 'nothing' : sent.kind === 'lost' ? 'worst' : found.charge);
  });
});
