import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { endingOf, readFailure, writeFailure } from '../../src/cache/leases.ts';
import { GatewayError } from '../../src/errors.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { leaseOf, startInstance, waiting } from './lease-instances.ts';
import type { Instance } from './lease-instances.ts';

describe('a failure told to another instance', () => {
  test('is the same failure, without what it cost and what caused it', () => {
    const vendor = { status: 200, words: { promptFeedback: { blockReason: 'SAFETY' } } };
    const detail = {
      param: 'size',
      code: 'x',
      status: 408,
      retryAfterSeconds: 3,
      retry: false,
      down: 'for_nothing',
      vendor,
    } as const;
    const told = readFailure(
      writeFailure(new GatewayError('blocked_prompt', 'no', { ...detail, costNanos: 5 }, new Error('secret'))),
    );
    expect(told).toMatchObject({ failure: 'blocked_prompt', message: 'no' });
    expect(told?.detail).toEqual(detail);
    expect(told?.cause).toBeUndefined();
  });

  test('leaves at home what a vendor said at length', () => {
    const words = 'long '.repeat(10_000);
    const written = writeFailure(new GatewayError('no_image', words, { vendor: { status: 200, words } }));
    expect(written.length).toBeLessThan(16_384);
    expect(readFailure(written)).toMatchObject({ failure: 'no_image', detail: {} });
  });

  test.each([
    '',
    'null',
    '{"failure":"fell","message":"x"}',
    '{"failure":"toString","message":"x"}',
    '{"failure":"no_image"}',
  ])('of a version that is not understood is none: %s', (text) => expect(readFailure(text)).toBeNull());

  test('is told where it speaks of the work, and not of who did it', () => {
    const busy = new GatewayError('upstream_busy', 'busy');
    expect(endingOf(busy, false)).toEqual({ failed: busy });
    expect(endingOf(busy, true)).toBe('left');
    expect(endingOf(new GatewayError('unavailable', 'the ledger is away'), false)).toBe('left');
    expect(endingOf(new Error('fault'), false)).toBe('left');
  });
});

withRedis('leases in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());
  let name = '';
  const instances: Instance[] = [];
  beforeEach(({ task }) => {
    name = task.name;
  });
  afterEach(async () => {
    server.thaw();
    for (const instance of instances.splice(0)) await instance.close();
  });
  const start = async (times: Parameters<typeof startInstance>[1] = {}): Promise<Instance> => {
    const instance = await startInstance(server.url, times);
    instances.push(instance);
    return instance;
  };
  const listened = (): Promise<unknown> =>
    expect.poll(() => server.cli('PUBSUB', 'NUMSUB', '{test}:leases')).toBe(`{test}:leases\n${instances.length}`);

  test('one leads, the others are told, and collect what it has stored', async () => {
    const [one, two, three] = [await start(), await start(), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    const others = [
      await waiting(two, name, { collect: async () => 'fox' }),
      await waiting(three, name, { collect: async () => 'fox' }),
    ];
    expect(await lease.isMine()).toBe(true);
    await lease.end('stored');
    for (const { turn } of others) expect(await turn).toEqual({ kind: 'collected', value: 'fox' });
    // Whoever comes later looks it up, and else has a lease of its own.
    expect(leaseOf(await two.seek(name)).token).toBeGreaterThan(lease.token);
    expect([...one.told, ...two.told, ...three.told]).toEqual([]);
  });

  test('what another name is leased under is nobody’s concern, however alike it is', async () => {
    const [one, two] = [await start(), await start()];
    leaseOf(await one.seek(`acme:${name}`));
    leaseOf(await two.seek(`globex:${name}`));
    leaseOf(await two.seek(`acme:${name}x`));
  });

  test('a failure is told to those who wait, and to nobody after them', async () => {
    const [one, two, three] = [await start(), await start(), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    const { turn } = await waiting(two, name);
    await lease.end({ failed: new GatewayError('no_image', 'only words', { retry: false }) });
    expect(await turn).toMatchObject({ kind: 'failed', error: { failure: 'no_image', message: 'only words' } });
    leaseOf(await three.seek(name));
  });

  test('what one leaves to others, one of them has, and the rest wait for that one', async () => {
    const [one, two, three] = [await start(), await start(), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    const others = [
      await waiting(two, name, { collect: async () => 'fox' }),
      await waiting(three, name, { collect: async () => 'fox' }),
    ];
    const before = two.asked() + three.asked();
    await lease.end('left');
    const next = await Promise.race(others.map(({ turn }) => turn));
    // Who asks only when the next one has ended is the next again, and looks it up.
    await expect.poll(() => two.asked() + three.asked()).toBeGreaterThanOrEqual(before + 2);
    await leaseOf(next).end('stored');
    const kinds = (await Promise.all(others.map(({ turn }) => turn))).map(({ kind }) => kind);
    expect(kinds.toSorted()).toEqual(['collected', 'lead']);
  });

  test('a holder can tell whether somebody may wait for it', async () => {
    const [one, two] = [await start(), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    expect(await lease.isAwaited()).toBe(false);
    const { turn } = await waiting(two, name, { collect: async () => 'fox' });
    expect(await lease.isAwaited()).toBe(true);
    await lease.end('stored');
    await turn;
  });

  test('what cannot be handed on is done by each of those who wait, once', async () => {
    const [one, two, three] = [await start(), await start(), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    const others = [await waiting(two, name), await waiting(three, name)];
    await lease.end('unkept');
    for (const { turn } of others) expect(await turn).toEqual({ kind: 'lead', lease: null });
    expect([...two.told, ...three.told]).toEqual(['unkept', 'unkept']);
  });

  test('what is stored and cannot be read is asked for some times, waited for once more, and then done alone', async () => {
    const [one, two] = [await start(), await start()];
    await listened();
    let lease = leaseOf(await one.seek(name));
    let reads = 0;
    const again = Promise.withResolvers<void>();
    const collect = async (): Promise<null> => {
      reads += 1;
      // The first time somebody else has been given it before this one asks again.
      if (reads === 1) {
        lease = leaseOf(await one.seek(name));
        again.resolve();
      }
      return null;
    };
    const { turn } = await waiting(two, name, { collect });
    await lease.end('stored');
    await again.promise;
    await expect.poll(() => two.told).toEqual(['unread']);
    await lease.end('stored');
    // It waits for the second one too, if that has not ended before it asks.
    expect((await turn).kind).toBe('lead');
    expect([3, 6]).toContain(reads);
    expect(two.told).toHaveLength(reads / 3);
  });

  test('a holder that is not heard of any more is followed by one who waits, with a higher token', async () => {
    const [one, two] = [await start(), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    const { turn } = await waiting(two, name);
    await one.die();
    const next = leaseOf(await turn);
    expect(next.token).toBeGreaterThan(lease.token);
    expect(two.told).toEqual(['takenOver']);
    // Without Redis it cannot know, and its time is over.
    expect(await lease.isMine()).toBe(false);
  });

  test('a holder that was frozen neither stores over its successor nor ends its lease', async () => {
    const one = await start({ renewMs: 60_000, leaseMs: 200 });
    const [two, three] = [await start(), await start()];
    await listened();
    const stale = leaseOf(await one.seek(name));
    const next = leaseOf(await (await waiting(two, name)).turn);
    const { turn } = await waiting(three, name, { collect: async () => 'of the successor' });
    expect(await stale.isMine()).toBe(false);
    expect(one.told).toEqual(['lost']);
    await stale.end('unkept');
    expect(await next.isMine()).toBe(true);
    await next.end('stored');
    expect(await turn).toEqual({ kind: 'collected', value: 'of the successor' });
    await stale.end('left');
  });

  test('a holder that was not heard of, and that nobody has followed, has it still', async () => {
    const one = await start({ renewMs: 60_000, leaseMs: 50 });
    const lease = leaseOf(await one.seek(name));
    const until = Number(await server.cli('HGET', lease.fence.key, 'u'));
    await expect.poll(() => Date.now()).toBeGreaterThan(until);
    expect(await lease.isMine()).toBe(true);
  });

  test('one who has not heard of the end looks for itself', async () => {
    const [one, two] = [await start(), await start({ lookMs: 50 })];
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const lease = leaseOf(await one.seek(name));
    const { turn } = await waiting(two, name, { collect: async () => 'fox' });
    await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await lease.end('stored');
    expect(await turn).toEqual({ kind: 'collected', value: 'fox' });
  });

  test('nobody who has left is given it', async () => {
    const [one, two] = [await start(), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    const leaving = new AbortController();
    const { turn } = await waiting(two, name, { deserted: leaving.signal });
    leaving.abort();
    expect(await turn).toEqual({ kind: 'deserted' });
    await lease.end('left');
    leaseOf(await one.seek(name));
    expect(await two.seek(name, { deserted: AbortSignal.abort() })).toEqual({ kind: 'deserted' });
  });

  test('an instance that is closed leaves what it holds to others', async () => {
    const [one, two] = [await start(), await start()];
    await listened();
    leaseOf(await one.seek(name));
    const { turn } = await waiting(two, name);
    await one.leases.close();
    leaseOf(await turn);
    expect(two.told).toEqual([]);
  });

  test('without Redis everybody is alone, which is said once', async () => {
    const one = await start({ askMs: 100 });
    server.freeze();
    for (let each = 0; each < 3; each += 1) expect(await one.seek(name)).toEqual({ kind: 'lead', lease: null });
    expect(one.told).toEqual(['away', 'alone', 'alone', 'alone']);
    server.thaw();
    await expect.poll(() => one.redis.trouble()).toBeNull();
    // What it asked while it was frozen was done by Redis after it, if at all, for nobody.
    leaseOf(await one.seek(name));
    expect(one.told.slice(4)).toEqual(['back']);
  });

  test('while Redis is frozen those who wait have patience, and then none; its holder has its lease after all', async () => {
    const holder = await start({ askMs: 100, renewMs: 1_000 });
    const patient = await start({ askMs: 100, patienceMs: 60_000, lookMs: 20, renewMs: 2_000 });
    const hasty = await start({ askMs: 100, patienceMs: 300, lookMs: 20 });
    await listened();
    const lease = leaseOf(await holder.seek(name));
    const [long, short] = [await waiting(patient, name, { collect: async () => 'fox' }), await waiting(hasty, name)];
    server.freeze();
    expect(await short.turn).toEqual({ kind: 'lead', lease: null });
    expect(hasty.told.at(-1)).toBe('alone');
    // Until the lease has lapsed by Redis's own clock, which goes on.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    server.thaw();
    // Most likely the one who waits is back first: it leaves the holder its time.
    await expect.poll(() => patient.told).toContain('back');
    await expect.poll(() => holder.redis.trouble()).toBeNull();
    await expect.poll(() => lease.isMine()).toBe(true);
    await lease.end('stored');
    expect(await long.turn).toEqual({ kind: 'collected', value: 'fox' });
    expect(patient.told).not.toContain('takenOver');
  }, 30_000);

  test('when Redis is back from a restart, its holder has the time to be heard of before another takes a lapsed lease', async () => {
    const holder = await start({ renewMs: 1_000, leaseMs: 1_500 });
    const patient = await start({ patienceMs: 60_000, lookMs: 20, renewMs: 2_000 });
    await listened();
    const lease = leaseOf(await holder.seek(name));
    const { turn } = await waiting(patient, name, { collect: async () => 'fox' });
    await server.stop();
    await expect.poll(() => patient.told).toContain('away');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await server.start();
    await expect.poll(() => patient.told).toContain('back');
    await expect.poll(() => lease.isMine(), { interval: 300 }).toBe(true);
    await lease.end('stored');
    expect(await turn).toEqual({ kind: 'collected', value: 'fox' });
    expect(patient.told).not.toContain('takenOver');
  }, 30_000);

  test('a Redis that has lost everything is told again who holds what, unless it was given to another since', async () => {
    const [one, two] = [await start({ renewMs: 60_000 }), await start()];
    await listened();
    const lease = leaseOf(await one.seek(name));
    await server.cli('FLUSHALL');
    expect(await lease.isMine()).toBe(true);
    const { turn } = await waiting(two, name, { collect: async () => 'fox' });
    await lease.end('stored');
    expect(await turn).toEqual({ kind: 'collected', value: 'fox' });

    const before = leaseOf(await one.seek(`${name} again`));
    await server.cli('FLUSHALL');
    const next = leaseOf(await two.seek(`${name} again`));
    expect(next.token).toBeGreaterThan(before.token);
    expect([await before.isMine(), await next.isMine()]).toEqual([false, true]);
  });
});
