import { describe, expect, onTestFinished, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { startGateway } from '../support/gateway.ts';
import { spentNanos } from '../support/scrape.ts';
import { failure } from './openai.ts';

// The SDK's own two retries on top of a gateway that tries again itself, as one does that is not told otherwise.

const PICTURE_NANOS = 50_000_000;
/** Its callers wait for less than the vendor's twelve seconds. */
const AS_IT_COMES = { repeats: 2, breaker: true, answerWithinMs: 8_000, abandonAfterMs: 30_000 };

/** Three tries of the SDK, and what a gateway without other calls may repeat in ten seconds: three calls, whoever asks. */
const REFUSED = 6;
const NO_REPETITION = 3;
const ONCE = 1;

describe('calls upstream for one picture, by what became of the first', () => {
  test.each([
    // Refused, and free: a passing trouble of the model.
    ['overloaded', REFUSED, 0],
    ['capacity-429', REFUSED, 0],
    ['internal', REFUSED, 0],
    ['error-array', REFUSED, 0],
    ['error-200', REFUSED, 0],
    // The vendor says when to come back, and is not asked before that, whoever retries.
    ['rate-limit', ONCE, 0],
    ['daily-quota', ONCE, 0],
    ['limit-zero', ONCE, 0],
    // A key that was refused rests.
    ['unauthorized', ONCE, 0],
    ['key-invalid', ONCE, 0],
    ['forbidden', ONCE, 0],
    ['service-disabled', ONCE, 0],
    // A target that cannot do it is no trouble that passes: only the SDK asks again.
    ['model-gone', NO_REPETITION, 0],
    ['location', NO_REPETITION, 0],
    ['reseller-error', NO_REPETITION, 0],
    // The caller's own.
    ['signature-refused', ONCE, 0],
    ['too-large', ONCE, 0],
    // No picture is an answer.
    ['blocked-safety', ONCE, 0],
    ['image-safety', ONCE, 0],
    ['prohibited-content', ONCE, 0],
    ['no-image', ONCE, 0],
    ['no-image-text', ONCE, 0],
    // What may have been paid for is charged, once.
    ['bad-gateway-html', ONCE, PICTURE_NANOS],
    ['empty-error', ONCE, PICTURE_NANOS],
    ['deadline', ONCE, PICTURE_NANOS],
    ['cancelled', ONCE, PICTURE_NANOS],
    ['hangup', ONCE, PICTURE_NANOS],
    ['reset', ONCE, PICTURE_NANOS],
    ['truncate-length', ONCE, PICTURE_NANOS],
    ['truncate-chunked', ONCE, PICTURE_NANOS],
    ['truncate-close', ONCE, PICTURE_NANOS],
    ['garbage', ONCE, PICTURE_NANOS],
    ['bad-json', ONCE, PICTURE_NANOS],
    ['html-200', ONCE, PICTURE_NANOS],
    ['empty-200', ONCE, PICTURE_NANOS],
    ['empty-object', ONCE, PICTURE_NANOS],
    ['gzip-bomb', ONCE, PICTURE_NANOS],
    ['broken-picture', ONCE, PICTURE_NANOS],
    ['picture-bomb', ONCE, PICTURE_NANOS],
    ['redirect', ONCE, 0],
  ] as const satisfies readonly (readonly [Fault, number, number])[])(
    '%s: %i at most, for %i nano-dollars',
    async (fault, most, nanos) => {
      const gateway = await startGateway({ simulator: { signatureBytes: 64 }, upstream: AS_IT_COMES });
      onTestFinished(() => gateway.close());
      gateway.simulator.rule({ fault });
      const { seen, upstreamCalls } = await failure(gateway, { prompt: 'on top', google: { image_size: '512' } });
      expect(seen.length).toBeLessThanOrEqual(3);
      expect(upstreamCalls).toBeLessThanOrEqual(most);
      expect(upstreamCalls).toBeGreaterThan(0);
      expect(await spentNanos(gateway)).toBe(nanos);
    },
  );

  test('an upstream that is down is asked less and less: of twenty pictures and their retries no more than the breaker lets through', async () => {
    const gateway = await startGateway({ simulator: { signatureBytes: 64 }, upstream: AS_IT_COMES });
    onTestFinished(() => gateway.close());
    gateway.simulator.rule({ fault: 'overloaded' });
    const before = gateway.simulator.calls.length;
    const startedAt = performance.now();
    for (let picture = 0; picture < 20; picture += 1) await failure(gateway, { prompt: `picture ${picture}` });
    const seconds = (performance.now() - startedAt) / 1000;
    // Twenty open it; then it is one a second. Those in the air when it opens, and the second that has begun, are two more.
    expect(gateway.simulator.calls.length - before).toBeLessThanOrEqual(20 + Math.ceil(seconds) + 2);
  });
});
