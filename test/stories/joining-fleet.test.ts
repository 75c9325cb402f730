import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PRO_NANOS, startFleet } from '../support/fleet.ts';
import type { Fleet } from '../support/fleet.ts';
import { KEY } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { scraped } from '../support/scrape.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, NativeReply } from '../support/wire.ts';

/** Callers at once, over both gateways. */
const CALLERS = process.env.PLANTAIN_TEST_LONG ? 500 : 80;
const FROZEN_MS = process.env.PLANTAIN_TEST_LONG ? 10_000 : 3_000;

interface Got {
  readonly status: number;
  readonly picture: string | null;
  readonly cost: number;
  readonly ms: number;
}

withRedis('two gateway processes with one Redis for everything', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  beforeEach(() => redis.cli('FLUSHALL'));
  afterAll(() => redis.close());

  const start = (latencyMs: number): Promise<Fleet> =>
    startFleet({
      redis: redis.url,
      simulator: { latencyMs },
      upstream: { answerWithinMs: 60_000, abandonAfterMs: 60_000 },
      tenant: { budgets: [{ limitUsd: 100, per: 'day' }] },
      config: { cache: { store: redis.url } },
    });
  /** Null: the connection was lost. */
  async function ask({ gateways }: Fleet, gateway: number, prompt: string, seed = 7): Promise<Got | null> {
    const startedAt = performance.now();
    try {
      const reply = await fetch(`${gateways[gateway]!.url}/v1/images/generations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ prompt, seed, image_size: '512' }),
      });
      const cost = Number(reply.headers.get('x-plantain-cost-usd') ?? 0);
      const text = await reply.text();
      const picture = reply.status === 200 ? (JSON.parse(text) as ImagesReply).data[0]!.b64_json : null;
      return { status: reply.status, picture, cost, ms: performance.now() - startedAt };
    } catch {
      return null;
    }
  }
  const callsOf = ({ simulator }: Fleet, prompt: string): number => {
    const digest = createHash('sha256').update(prompt).digest('hex');
    return simulator.calls.filter(({ promptDigest }) => promptDigest === digest).length;
  };
  /** The one whose call is in the air. */
  async function holderOf({ gateways }: Fleet): Promise<number> {
    const aloft = await Promise.all(gateways.map((gateway) => scraped(gateway, 'plantain_upstream_inflight')));
    expect(aloft.reduce((sum, each) => sum + each)).toBe(1);
    return aloft.indexOf(1);
  }
  const charged = (fleet: Fleet, index: number): { nanos: number; unknown: number } => {
    const { rows, faults } = fleet.audit(index);
    expect(faults).toEqual([]);
    return {
      nanos: rows.reduce((sum, { delta_spent }) => sum + delta_spent, 0),
      unknown: rows.filter(({ outcome }) => outcome === 'unknown').length,
    };
  };

  test('asked for at once on both, and whoever draws it killed in mid-flight: the other takes over, all its callers have one picture, and one charge is known and one is not', async () => {
    const fleet = await start(0);
    const land = keepAloft(fleet.simulator);
    const prompt = 'a fox';
    const asked = Array.from({ length: CALLERS }, (_, index) => ask(fleet, index % 2, prompt));
    await expect.poll(() => callsOf(fleet, prompt)).toBe(1);
    const holder = await holderOf(fleet);
    const survivor = 1 - holder;
    const waiting = (): Promise<number> => scraped(fleet.gateways[survivor]!, 'plantain_singleflight_flights');
    await expect.poll(waiting).toBe(1);
    fleet.gateways[holder]!.kill('SIGKILL');
    await fleet.gateways[holder]!.ended;
    await expect.poll(() => callsOf(fleet, prompt)).toBe(2);
    land();
    const theirs = (await Promise.all(asked)).filter((_, index) => index % 2 === survivor);
    expect(theirs.map((got) => got?.status)).toEqual(theirs.map(() => 200));
    expect(new Set(theirs.map((got) => got?.picture)).size).toBe(1);
    expect(theirs.filter((got) => got !== null && got.cost > 0)).toHaveLength(1);
    const troubles = (trouble: string): Promise<number> =>
      scraped(fleet.gateways[survivor]!, 'plantain_lease_troubles_total', { trouble });
    expect({
      calls: callsOf(fleet, prompt),
      takeOvers: await scraped(fleet.gateways[survivor]!, 'plantain_lease_takeovers_total'),
      alone: await troubles('alone'),
      lost: await troubles('lost'),
      unkept: await troubles('unkept'),
      unread: await troubles('unread'),
    }).toEqual({ calls: 2, takeOvers: 1, alone: 0, lost: 0, unkept: 0, unread: 0 });

    await fleet.restart(holder);
    expect((await ask(fleet, holder, prompt))?.picture).toBe(theirs[0]!.picture);
    expect(callsOf(fleet, prompt)).toBe(2);
    await fleet.stop();
    for (const index of [0, 1]) expect(charged(fleet, index)).toEqual({ nanos: 2 * PRO_NANOS, unknown: 1 });
  }, 120_000);

  test('a holder that is stopped for longer than its lease comes back: its callers have their picture, all others have its successor’s, and both are paid for', async () => {
    const fleet = await start(0);
    const land = keepAloft(fleet.simulator);
    const prompt = 'a heron';
    const first = ask(fleet, 0, prompt);
    await expect.poll(() => callsOf(fleet, prompt)).toBe(1);
    // Pictures of one seed are equal, whoever asks: the signature beside them tells which call they came from.
    fleet.simulator.settings.signatureBytes = 3_000;
    const others = [ask(fleet, 1, prompt), ask(fleet, 1, prompt)];
    await expect.poll(() => scraped(fleet.gateways[1]!, 'plantain_singleflight_flights')).toBe(1);
    fleet.gateways[0]!.kill('SIGSTOP');
    await expect.poll(() => callsOf(fleet, prompt)).toBe(2);
    land();
    const theirs = await Promise.all(others);
    expect(theirs.map((got) => got?.status)).toEqual([200, 200]);
    fleet.gateways[0]!.kill('SIGCONT');
    expect((await first)?.status).toBe(200);
    expect(callsOf(fleet, prompt)).toBe(2);
    expect(await scraped(fleet.gateways[0]!, 'plantain_lease_troubles_total', { trouble: 'lost' })).toBe(1);
    const signatureOn = async (gateway: number): Promise<number | undefined> => {
      const reply = await fetch(
        `${fleet.gateways[gateway]!.url}/v1beta/models/gemini-3.1-flash-image:generateContent`,
        {
          method: 'POST',
          headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            contents: [{ parts: [{ text: prompt }] }],
            generationConfig: { responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' }, seed: 7 },
          }),
        },
      );
      expect(reply.headers.get('cache-status')).toMatch(/^Plantain; hit/);
      const { candidates } = await bodyOf<NativeReply>(reply);
      return candidates[0]!.content.parts.find((part) => part.thoughtSignature)?.thoughtSignature?.length;
    };
    expect([await signatureOn(0), await signatureOn(1)]).toEqual([3_000, 3_000]);
    await fleet.stop();
    for (const index of [0, 1]) expect(charged(fleet, index)).toEqual({ nanos: 2 * PRO_NANOS, unknown: 0 });
  }, 120_000);

  test('of as many different pictures, each asked for on both, each is drawn once; then, with Redis frozen under load, nobody waits beyond a deadline, hits from memory go on, and joining is back with it', async () => {
    const fleet = await start(200);
    const pictures = CALLERS / 4;
    const pairs = Array.from({ length: 2 * pictures }, (_, index) =>
      ask(fleet, index % 2, 'an owl', Math.floor(index / 2)),
    );
    const owls = await Promise.all(pairs);
    expect(owls.map((got) => got?.status)).toEqual(owls.map(() => 200));
    for (let index = 0; index < owls.length; index += 2) expect(owls[index]!.picture).toBe(owls[index + 1]!.picture);
    expect(callsOf(fleet, 'an owl')).toBe(pictures);

    expect(
      (await Promise.all([0, 1].map((gateway) => ask(fleet, gateway, 'known')))).map((got) => got?.status),
    ).toEqual([200, 200]);
    redis.freeze();
    const thawed = new Promise<void>((resolve) => {
      setTimeout(() => {
        redis.thaw();
        resolve();
      }, FROZEN_MS);
    });
    const unknown = Array.from({ length: CALLERS / 4 }, (_, index) => ask(fleet, index % 2, 'unknown', index % 7));
    const known = await Promise.all(Array.from({ length: CALLERS / 4 }, (_, index) => ask(fleet, index % 2, 'known')));
    expect(known.map((got) => got?.status)).toEqual(known.map(() => 200));
    const answered = await Promise.all(unknown);
    // No money can be had: 503, soon. Or Redis was back in time.
    for (const got of answered) expect([200, 503]).toContain(got?.status);
    for (const got of answered) expect(got!.ms).toBeLessThan(FROZEN_MS + 30_000);
    await thawed;
    await expect.poll(async () => (await ask(fleet, 0, 'after'))?.status, { interval: 250 }).toBe(200);
    await expect.poll(async () => (await ask(fleet, 1, 'after'))?.status, { interval: 250 }).toBe(200);
    await expect
      .poll(
        async () =>
          (await Promise.all([0, 1].map((gateway) => ask(fleet, gateway, `later ${Date.now()}`)))).map(
            (got) => got?.status,
          ),
        { interval: 250 },
      )
      .toEqual([200, 200]);
    await fleet.stop();
    for (const index of [0, 1]) expect(fleet.audit(index).faults).toEqual([]);
  }, 120_000);
});
