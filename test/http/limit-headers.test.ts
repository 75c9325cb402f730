import { describe, expect, test } from 'vitest';
import { goDuration, limitHeaders } from '../../src/http/limit-headers.ts';

describe('limit headers', () => {
  test('are as OpenAI writes them, and as the IETF draft does', () => {
    const headers = limitHeaders([
      { unit: 'requests', limit: 60, remaining: 57, resetMs: 2_350 },
      { unit: 'images', limit: 600, remaining: 0, resetMs: 60_000 },
    ]);
    expect(headers).toEqual({
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

  test('are none where nothing is limited', () => {
    expect(limitHeaders([])).toEqual({});
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
