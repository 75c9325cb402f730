import { describe, expect, test } from 'vitest';
import { Attempts } from '../../src/draw/attempts.ts';
import type { AttemptEvent, AttemptsOptions } from '../../src/draw/attempts.ts';
import type { Judged } from '../../src/draw/judge.ts';
import type { DrawUpstream } from '../../src/draw.ts';
import { GatewayError } from '../../src/errors.ts';
import type { FailureDetail, Failure } from '../../src/errors.ts';
import type { UpstreamOutcome } from '../../src/metrics.ts';
import { UpstreamHealth } from '../../src/upstreams/health.ts';

const target = (upstream: string) => ({ upstream, model: 'flash', price: { perImageUsd: 0.05 } });

function house(targets: readonly string[], keys: Record<string, readonly [string, ...string[]]> = {}, spares = true) {
  const told: string[] = [];
  const upstreams = new Map(
    targets.map((id) => {
      const health = new UpstreamHealth({
        keys: keys[id] ?? [`${id}-key`],
        repeats: 2,
        spares,
        opened: () => void told.push(`${id} opened`),
        closed: () => void told.push(`${id} closed`),
      });
      const client = { id, generate: () => Promise.reject(new Error('not here')), close: async () => undefined };
      const upstream: DrawUpstream = {
        client,
        health,
        family: 'gemini',
        sizeNames: {},
        abandonAfterMs: () => 60_000,
        answerWithinMs: () => 30_000,
      };
      return [id, upstream] as const;
    }),
  );
  const events: `${string} ${AttemptEvent}`[] = [];
  const begin = (over: Partial<AttemptsOptions> = {}): Attempts =>
    new Attempts({
      targets: targets.map(target),
      upstreams,
      withinMs: () => 30_000,
      givenUp: new AbortController().signal,
      namesOthers: false,
      onEvent: (event, { upstream }) => void events.push(`${upstream} ${event}`),
      now: () => performance.now(),
      random: () => 0,
      ...over,
    });
  return { upstreams, events, told, begin };
}

const failed = (
  outcome: UpstreamOutcome,
  failure: Failure,
  detail: FailureDetail = {},
  charge: Judged['charge'] = 'nothing',
): Judged => ({ outcome, charge, error: new GatewayError(failure, failure, detail), answer: null, picture: null });
/** The wait is what its caller is told, and not what is waited for here. */
const REFUSED_CONNECTION = failed('not_sent', 'unavailable', { retryAfterSeconds: 3600 });
const OVERLOADED = failed('http_5xx', 'upstream_busy', { code: 'upstream_capacity' });
const RATE_LIMITED = failed('http_429', 'upstream_busy', { code: 'upstream_busy', retryAfterSeconds: 40 });
const REVOKED = failed('http_4xx', 'unavailable', { code: 'upstream_credentials' });
const EMPTY_ACCOUNT = failed('http_4xx', 'upstream_quota', {
  code: 'upstream_quota',
  retryAfterSeconds: 3600,
  retry: false,
});

/** Who is asked when each call comes to the same, in order; and what is told in the end. */
async function allOf(attempts: Attempts, judged: Judged, most = 20): Promise<{ asked: string[]; error: unknown }> {
  const asked: string[] = [];
  for (let calls = 0; calls < most; calls += 1) {
    try {
      const attempt = await attempts.next();
      asked.push(attempt.key);
      if (!(await attempts.mayFollow(attempt, judged))) return { asked, error: judged.error };
    } catch (error) {
      return { asked, error };
    }
  }
  throw new Error('it is tried for ever');
}

describe('attempts', () => {
  test.each([
    ['may have cost money', failed('reset', 'upstream_failed', {}, 'worst')],
    ['is the caller’s own', failed('http_4xx', 'invalid_request')],
    ['was refused by the vendor', failed('safety', 'blocked_prompt', {}, 'actual')],
    ['said not to be tried again', failed('http_5xx', 'upstream_failed', { retry: false })],
    ['took the vendor too long', failed('http_5xx', 'upstream_timeout', { retry: false })],
  ])('that %s are made once, however many targets there are', async (_what, judged) => {
    const { begin, events } = house(['a', 'b']);
    expect(await allOf(begin(), judged)).toEqual({ asked: ['a-key'], error: judged.error });
    expect(events).toEqual([]);
  });

  test.each([
    ['were never sent', REFUSED_CONNECTION],
    ['met an overloaded model', OVERLOADED],
    ['were refused by a fault', failed('http_5xx', 'upstream_failed', { retry: true })],
  ])('that %s are repeated twice, and then made elsewhere', async (_what, judged) => {
    const { begin, events } = house(['a', 'b']);
    const { asked } = await allOf(begin(), judged);
    // Three repetitions are all that a gateway without other calls may make.
    expect(asked).toEqual(['a-key', 'a-key', 'a-key', 'b-key', 'b-key', 'b-key']);
    expect(events).toEqual(['a repeated', 'a repeated', 'a other_target', 'b repeated', 'b repeated']);
  });

  test('of a rate-limited key go on with the next, and where none is left with another target', async () => {
    const { begin, events, upstreams } = house(['a', 'b'], { a: ['a1', 'a2'] });
    expect((await allOf(begin(), RATE_LIMITED)).asked).toEqual(['a1', 'a2', 'b-key']);
    expect(events).toEqual(['a other_key', 'a other_target']);
    // Both of them know, until then, and so does the next picture.
    const next = await allOf(begin(), RATE_LIMITED);
    expect(next.asked).toEqual([]);
    expect(next.error).toMatchObject({ failure: 'upstream_busy', detail: { retryAfterSeconds: 40 } });
    expect(upstreams.get('a')!.health.keys.pick('pro', performance.now())).not.toBeNull();
  });

  test('go through no more keys than they may be repeated', async () => {
    const { begin, events } = house(['a', 'b'], { a: ['a1', 'a2', 'a3', 'a4', 'a5'] });
    const soon = failed('http_429', 'upstream_busy', { code: 'upstream_busy', retryAfterSeconds: 20 });
    const attempts = begin();
    const asked: string[] = [];
    for (let calls = 0; calls < 3; calls += 1) {
      const attempt = await attempts.next();
      asked.push(attempt.key);
      await attempts.mayFollow(attempt, soon);
    }
    expect(asked).toEqual(['a1', 'a2', 'a3']);
    expect((await attempts.next()).key).toBe('b-key');
    expect(events).toEqual(['a other_key', 'a other_key', 'a other_target']);
  });

  test('wait for a key that rests for less than their caller waits, where nobody else could be asked', async () => {
    let now = 0;
    const { begin, events } = house(['a']);
    const clock = { now: () => now };
    const attempts = begin({ ...clock, random: () => 0 });
    const first = await attempts.next();
    const soon = failed('http_429', 'upstream_busy', { code: 'upstream_busy', retryAfterSeconds: 0.05 });
    expect(await attempts.mayFollow(first, soon)).toBe(true);
    const second = attempts.next();
    now = 51;
    expect((await second).key).toBe('a-key');
    expect(events).toEqual(['a repeated']);
  });

  test('by a revoked key are made by the others, which rest for no model', async () => {
    const { begin, upstreams } = house(['a'], { a: ['revoked', 'good'] });
    const attempts = begin();
    const first = await attempts.next();
    expect([first.key, await attempts.mayFollow(first, REVOKED)]).toEqual(['revoked', true]);
    expect((await attempts.next()).key).toBe('good');
    expect(upstreams.get('a')!.health.keys.pick('pro', performance.now())).toBe('good');
  });

  test('that name a file a key may not read let no key rest, for whoever comes next', async () => {
    const { begin } = house(['a'], { a: ['a1', 'a2'] });
    expect((await allOf(begin({ namesOthers: true }), REVOKED)).asked).toEqual(['a1']);
    expect((await begin().next()).key).toBe('a2');
    expect((await begin().next()).key).toBe('a1');
  });

  test('on an empty account tell so, at once to those who come later too', async () => {
    const { begin } = house(['a']);
    expect((await allOf(begin(), EMPTY_ACCOUNT)).asked).toEqual(['a-key']);
    const later = await allOf(begin(), EMPTY_ACCOUNT);
    expect(later.asked).toEqual([]);
    expect(later.error).toMatchObject({ failure: 'upstream_quota', detail: { retry: false } });
  });

  test('go to the next target while the breaker of the first is open, and one a second to the last', async () => {
    const { begin, events, told, upstreams } = house(['a', 'b']);
    for (let call = 0; call < 20; call += 1) upstreams.get('a')!.health.breaker('flash').tell(false, performance.now());
    expect(told).toEqual(['a opened']);
    expect((await begin().next()).key).toBe('b-key');
    expect(events).toEqual(['a breaker_open']);
    for (let call = 0; call < 20; call += 1) upstreams.get('b')!.health.breaker('flash').tell(false, performance.now());
    expect((await begin().next()).key).toBe('b-key');
    await expect(begin().next()).rejects.toMatchObject({
      failure: 'upstream_busy',
      detail: { code: 'upstream_breaker_open', retryAfterSeconds: 1 },
    });
  });

  test('at 1,000 pictures of an upstream that is down are 1,200 at most, and with a breaker a tenth of that', async () => {
    const callsOf = async (spares: boolean): Promise<number> => {
      let now = 0;
      const { begin } = house(['a'], {}, spares);
      let calls = 0;
      for (let picture = 0; picture < 1_000; picture += 1) {
        now += 5;
        const { asked } = await allOf(begin({ now: () => now, random: () => 0 }), OVERLOADED);
        calls += asked.length;
      }
      return calls;
    };
    expect(await callsOf(false)).toBeLessThanOrEqual(1_200);
    // Twenty open it; then it is one a second, of five, and their repetitions.
    expect(await callsOf(true)).toBeLessThanOrEqual(100);
  });

  test('end when the picture is given up while they wait', async () => {
    const { begin } = house(['a']);
    const over = new AbortController();
    const attempts = begin({ givenUp: over.signal, random: () => 1 });
    const first = await attempts.next();
    const following = attempts.mayFollow(first, OVERLOADED);
    over.abort();
    await expect(following).rejects.toBe(OVERLOADED.error);
  });
});
