import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { createClient, failure, FLASH, SDKS } from './genai.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => {
  gateway.simulator.clearRules();
});

describe.each(SDKS)('$name: what fails behind the gateway', ({ sdk }) => {
  test.each([
    // Where the vendor spoke about the picture, its own words.
    ['overloaded', 503, 'UNAVAILABLE', /overloaded/],
    ['internal', 500, 'INTERNAL', /internal error/i],
    ['deadline', 504, 'DEADLINE_EXCEEDED', /Deadline/],
    // Where it spoke about the gateway's account, the gateway's.
    ['rate-limit', 503, 'UNAVAILABLE', /no more requests from this gateway/],
    ['daily-quota', 503, 'UNAVAILABLE', /quota for this gateway/],
    ['unauthorized', 503, 'UNAVAILABLE', /this gateway's own credentials/],
    ['key-invalid', 503, 'UNAVAILABLE', /this gateway's own credentials/],
    ['forbidden', 503, 'UNAVAILABLE', /this gateway's own credentials/],
    ['location', 503, 'UNAVAILABLE', /where this gateway runs/],
    ['model-gone', 503, 'UNAVAILABLE', /does not offer this model/],
    // Where nobody spoke, or what was said is broken.
    ['bad-gateway-html', 502, 'UNAVAILABLE', /HTTP 502/],
    ['hangup', 502, 'UNAVAILABLE', /closed the connection/],
    ['truncate-close', 502, 'UNAVAILABLE', /not whole JSON/],
    ['broken-picture', 502, 'UNAVAILABLE', /broken/],
    ['no-candidates', 502, 'UNAVAILABLE', /without a candidate/],
  ] as const satisfies readonly (readonly [Fault, number, string, RegExp])[])(
    'the vendor’s %s is %i %s, and asked for once',
    async (fault, status, name, message) => {
      gateway.simulator.rule({ fault });
      const { thrown, said, upstreamCalls } = await failure(gateway, sdk, { contents: 'behind the gateway' });
      expect(thrown.status).toBe(status);
      expect(said).toMatchObject({ code: status, status: name, message: expect.stringMatching(message) });
      expect(JSON.stringify(said)).not.toMatch(/leaked|projects\/|API_KEY/);
      expect(upstreamCalls).toBe(1);
    },
  );

  test('with retryOptions the SDK mends what passes, at one call upstream for each try', async () => {
    gateway.simulator.rule({ fault: 'overloaded', times: 1 });
    const before = gateway.simulator.calls.length;
    const retryOptions = { attempts: 3, initialDelay: 0.01, maxDelay: 0.02, jitter: 0 };
    const ai = createClient(sdk, gateway.url, { retryOptions });
    expect((await ai.models.generateContent({ model: FLASH, contents: 'mended' })).candidates).toHaveLength(1);
    expect(gateway.simulator.calls).toHaveLength(before + 2);
  });

  test.each([
    ['blocked-safety', 'SAFETY'],
    ['blocked-prohibited', 'PROHIBITED_CONTENT'],
    ['blocked-other', 'OTHER'],
  ] as const)('a prompt that is blocked is the vendor’s own 200: %s', async (fault, blockReason) => {
    gateway.simulator.rule({ fault });
    const reply = await createClient(sdk, gateway.url).models.generateContent({ model: FLASH, contents: 'x' });
    expect(reply.promptFeedback?.blockReason).toBe(blockReason);
    expect(reply.candidates).toBeUndefined();
  });

  test.each([
    ['image-safety', 'IMAGE_SAFETY'],
    ['prohibited-content', 'PROHIBITED_CONTENT'],
    ['no-image', 'NO_IMAGE'],
    ['image-other', 'IMAGE_OTHER'],
  ] as const)('a picture that is not drawn is the vendor’s own 200: %s', async (fault, finishReason) => {
    gateway.simulator.rule({ fault });
    const before = gateway.simulator.calls.length;
    const reply = await createClient(sdk, gateway.url).models.generateContent({ model: FLASH, contents: 'x' });
    expect(reply.candidates?.[0]?.finishReason).toBe(finishReason);
    expect(reply.data).toBeUndefined();
    expect(gateway.simulator.calls).toHaveLength(before + 1);
  });

  test('words instead of a picture reach a native caller as words', async () => {
    gateway.simulator.rule({ fault: 'no-image-text' });
    const reply = await createClient(sdk, gateway.url).models.generateContent({ model: FLASH, contents: 'x' });
    expect(reply.text).toContain('I would rather describe it');
  });
});
