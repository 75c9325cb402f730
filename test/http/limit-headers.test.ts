import { describe, expect, test } from 'vitest';
import { goDuration, limitHeaders } from '../../src/http/limit-headers.ts';

describe('limit headers', () => {
  const quotas = [
    { unit: 'requests', limit: 60, remaining: 57, resetMs: 2_350 },
    { unit: 'images', limit: 600, remaining: 0, resetMs: 60_000 },
  ] as const;

  test('are as OpenAI writes them, and as the IETF draft does', () => {
    expect(limitHeaders(quotas, 'openai')).toEqual({
      'ratelimit-policy': '"requests";q=60;w=60;qu="requests", "images";q=600;w=60;qu="images"',
      ratelimit: '"requests";r=57;t=3, "images";r=0;t=60',
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '57',
      'x-ratelimit-reset-requests': '2.35s',
      'x-ratelimit-limit-images': '600',
      'x-ratelimit-remaining-images': '0',
      'x-ratelimit-reset-images': '1m0s',
    });
  });

  test('are for Claude’s callers as Claude writes them, beside the IETF draft’s', () => {
    expect(limitHeaders(quotas, { claudeAt: Date.parse('2026-11-27T12:00:00.100Z') })).toEqual({
      'ratelimit-policy': '"requests";q=60;w=60;qu="requests", "images";q=600;w=60;qu="images"',
      ratelimit: '"requests";r=57;t=3, "images";r=0;t=60',
      'anthropic-ratelimit-requests-limit': '60',
      'anthropic-ratelimit-requests-remaining': '57',
      'anthropic-ratelimit-requests-reset': '2026-11-27T12:00:03Z',
      'anthropic-ratelimit-images-limit': '600',
      'anthropic-ratelimit-images-remaining': '0',
      'anthropic-ratelimit-images-reset': '2026-11-27T12:01:01Z',
    });
  });

  test('are none where nothing is limited', () => {
    expect(limitHeaders([], 'openai')).toEqual({});
  });

  test.each([
    [0, '0s'],
    [20, '20ms'],
    [1_000, '1s'],
    [59_999, '59.999s'],
    [60_000, '1m0s'],
    [61_500, '1m1.5s'],
    [360_000, '6m0s'],
  ])('%d ms are %s', (ms, text) => {
    expect(goDuration(ms)).toBe(text);
  });
});
