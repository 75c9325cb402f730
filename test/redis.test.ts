import { afterEach, expect, test, describe } from 'vitest';
import { openRedis, RedisFailure, script } from '../src/redis.ts';
import type { Redis } from '../src/redis.ts';
import { parseRedisAddress } from '../src/redis/address.ts';
import { startRedis, withRedis } from './support/redis.ts';
import type { RedisServer } from './support/redis.ts';

describe('the address of a Redis', () => {
  test.each([
    ['redis://localhost:6379', 'redis://localhost:6379'],
    ['redis://:s3cret@10.0.0.1:6380/2', 'redis://:***@10.0.0.1:6380/2'],
    ['rediss://user:s3cret@redis.example.com', 'rediss://user:***@redis.example.com'],
  ])('%s is shown as %s', (url, shown) => {
    expect(parseRedisAddress(url)).toEqual({ url, shown });
  });

  test.each(['http://x', 'redis:', 'redis://host/name', 'redis://host?x=1', 'redis://s3cret@host', 'embeded'])(
    '%s is none, and why is said without a word of it',
    (text) => {
      const read = parseRedisAddress(text);
      expect(read).toHaveProperty('problem');
      expect(JSON.stringify(read)).not.toContain('s3cret');
    },
  );
});

withRedis('a client of Redis', () => {
  const closing: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of closing.splice(0).toReversed()) await each.close();
  });
  async function start(...settings: string[]): Promise<RedisServer> {
    const server = await startRedis(...settings);
    closing.push(server);
    return server;
  }
  async function connected(url: string): Promise<Redis> {
    const redis = openRedis(url);
    closing.push(redis);
    await expect.poll(() => redis.trouble()).toBeNull();
    return redis;
  }
  const failureOf = async (work: Promise<unknown>): Promise<RedisFailure> => {
    const error = await work.then(
      () => new Error('it did not fail'),
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(RedisFailure);
    return error as RedisFailure;
  };
  const DOUBLE = script('double', 'return 2 * ARGV[1]');

  test('runs a script whether the server knows it or has forgotten it', async () => {
    const server = await start();
    const redis = await connected(server.url);
    expect(await redis.run(DOUBLE, [], ['21'], 5_000)).toBe(42);
    await server.cli('SCRIPT', 'FLUSH');
    expect(await redis.run(DOUBLE, [], ['4'], 5_000)).toBe(8);
  });

  test('started before the server it is not hung, and finds it', async () => {
    const server = await start();
    await server.stop();
    const redis = openRedis(server.url);
    closing.push(redis);
    await expect.poll(() => redis.trouble()).toBe('ECONNREFUSED');
    expect(await failureOf(redis.command(['PING'], 5_000))).toMatchObject({ kind: 'down', maybeDone: false });
    await server.start();
    await expect.poll(() => redis.trouble()).toBeNull();
    expect(await redis.command(['PING'], 5_000)).toBe('PONG');
  });

  test('a frozen server costs a few commands their deadline and the others nothing, until it answers', async () => {
    const server = await start();
    const redis = await connected(server.url);
    server.freeze();
    for (let asked = 0; asked < 3; asked += 1)
      expect(await failureOf(redis.command(['SET', 'late', '1'], 100))).toMatchObject({
        kind: 'late',
        maybeDone: true,
      });
    expect(await failureOf(redis.command(['PING'], 100_000))).toMatchObject({ kind: 'down', maybeDone: false });
    server.thaw();
    await expect.poll(() => redis.trouble()).toBeNull();
    expect(await redis.command(['PING'], 5_000)).toBe('PONG');
  });

  test('a connection that was silent for too long is made anew, and what was lost with it is told', async () => {
    const server = await start();
    const redis = await connected(server.url);
    let [lost, found] = [0, 0];
    redis.watch({ lost: () => (lost += 1), connected: () => (found += 1) });
    server.freeze();
    await expect.poll(() => lost).toBe(1);
    server.thaw();
    await expect.poll(() => found).toBe(1);
    expect(await redis.command(['PING'], 5_000)).toBe('PONG');
  });

  test('listens again by itself after every loss, and says from when on', async () => {
    const server = await start();
    const redis = await connected(server.url);
    const heard: string[] = [];
    let listening = 0;
    const stop = redis.subscribe(
      'news',
      (message) => heard.push(message),
      () => (listening += 1),
    );
    await expect.poll(() => listening).toBe(1);
    await redis.publish('news', 'one', 5_000);
    await expect.poll(() => heard).toEqual(['one']);
    await server.stop();
    await server.start();
    await expect.poll(() => listening).toBe(2);
    await expect.poll(() => redis.trouble()).toBeNull();
    await redis.publish('news', 'two', 5_000);
    await expect.poll(() => heard).toEqual(['one', 'two']);
    stop();
  });

  test('a password opens a database of its own; a wrong one is told without being shown', async () => {
    const server = await start('--requirepass', 's3cret');
    const redis = await connected(`redis://:s3cret@127.0.0.1:${server.port}/3`);
    await redis.command(['SET', 'here', '1'], 5_000);
    expect(await redis.command(['INFO', 'keyspace'], 5_000)).toContain('db3:keys=1');
    const wrong = openRedis(`redis://:wr0ng@127.0.0.1:${server.port}`);
    closing.push(wrong);
    await expect.poll(() => wrong.trouble()).toBe('it refuses the password (WRONGPASS)');
    expect((await failureOf(wrong.command(['PING'], 1_000))).message).not.toContain('wr0ng');
  });

  test('what Redis refuses is told with its code, and that nothing was done', async () => {
    const server = await start();
    const redis = await connected(server.url);
    const outcomes: string[] = [];
    redis.watch({ done: (op, outcome) => outcomes.push(`${op} ${outcome}`) });
    await server.cli('REPLICAOF', '127.0.0.1', '2');
    expect(await failureOf(redis.command(['SET', 'a', '1'], 5_000))).toMatchObject({
      kind: 'refused',
      code: 'READONLY',
      maybeDone: false,
    });
    expect(outcomes).toEqual(['set refused']);
  });
});
