import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BytesInS3, S3Failure } from '../../src/cache/s3-bytes.ts';
import type { S3Address } from '../../src/cache/s3-bytes.ts';
import { StoreDown } from '../../src/cache/store.ts';
import { startFakeS3 } from '../support/fake-s3.ts';
import type { FakeS3 } from '../support/fake-s3.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';
import { blobBytes, entryOf, read } from './entries.ts';
import { redisStore } from './redis-stores.ts';
import type { RedisTestOptions, RedisUnderTest } from './redis-stores.ts';
import { storeContract } from './store-contract.ts';
import { has, put } from './stores.ts';

const refOf = (bytes: Buffer) => entryOf({ blobs: [bytes] }).blobs[0]!;

async function fakeS3(): Promise<FakeS3> {
  const fake = await startFakeS3();
  onTestFinished(fake.close);
  return fake;
}

describe('bytes in an object store', () => {
  const blob = blobBytes(1, 3_000_000);

  test('are an object named by its digest, signed for, put once, and given back whole', async () => {
    const fake = await fakeS3();
    const bytes = new BytesInS3(fake.address);
    const ref = refOf(blob);
    expect(await bytes.read(ref, 10_000)).toBeNull();
    await bytes.write(ref, [blob.subarray(0, 10), blob.subarray(10)], 10_000);
    await bytes.write(ref, [blob], 10_000);
    expect([...fake.objects.keys()]).toEqual([`/pictures/cache/${ref.digest.slice(0, 2)}/${ref.digest}`]);
    expect((await bytes.read(ref, 10_000))?.equals(blob)).toBe(true);
    await bytes.remove(ref.digest, 10_000);
    await bytes.remove(ref.digest, 10_000);
    expect(fake.objects.size).toBe(0);
    await bytes.write(refOf(Buffer.alloc(0)), [Buffer.alloc(0)], 10_000);
    expect(await bytes.read(refOf(Buffer.alloc(0)), 10_000)).toEqual(Buffer.alloc(0));
  });

  test.each([
    ['shorter', (bytes: Buffer) => bytes.subarray(1)],
    ['longer', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ['another', (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ])('that are %s than their address says are nothing, and removed', async (_how, change) => {
    const fake = await fakeS3();
    const bytes = new BytesInS3(fake.address);
    await bytes.write(refOf(blob), [blob], 10_000);
    for (const [path, object] of fake.objects) fake.objects.set(path, change(object));
    expect(await bytes.read(refOf(blob), 10_000)).toBeNull();
    expect(fake.objects.size).toBe(0);
  });

  test('are written to a store that knows no condition', async () => {
    const fake = await fakeS3();
    const bytes = new BytesInS3({ ...fake.address });
    fake.fault = { status: 501, code: 'NotImplemented' };
    await expect(bytes.write(refOf(blob), [blob], 10_000)).rejects.toThrow('501 NotImplemented');
    expect(fake.asked).toHaveLength(2);
  });

  test.each([
    ['the wrong secret', { secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
    ['a key nobody knows', { accessKeyId: 'AKIANOBODY' }, 'InvalidAccessKeyId'],
    ['a bucket that is not there', { url: 'nowhere' }, 'NoSuchBucket'],
  ])('fail with %s, in the words of the store, and are not taken for lost', async (_what, wrong, code) => {
    const fake = await fakeS3();
    const url = 'url' in wrong ? fake.address.url.replace('pictures', wrong.url) : fake.address.url;
    const address: S3Address = { ...fake.address, ...wrong, url };
    const bytes = new BytesInS3(address);
    const failure = expect.objectContaining({ code, constructor: S3Failure });
    await expect(bytes.probe(10_000)).rejects.toThrow(failure);
    await expect(bytes.read(refOf(blob), 10_000)).rejects.toThrow(failure);
    await expect(bytes.write(refOf(blob), [blob], 10_000)).rejects.toThrow(failure);
  });
});

withRedis('heads in Redis, bytes in an object store', () => {
  let server: RedisServer;
  let s3rver: S3rver;
  let url: string;
  let directory: string;
  beforeAll(async () => {
    server = await startRedis('--appendonly', 'no');
    directory = mkdtempSync(join(tmpdir(), 'plantain-s3-'));
    const options = { address: '127.0.0.1', port: 0, silent: true, directory };
    s3rver = new S3rver({ ...options, configureBuckets: [{ name: 'pictures' }] });
    url = `http://127.0.0.1:${(await s3rver.run()).port}/pictures`;
  });
  afterAll(async () => {
    await s3rver.close();
    rmSync(directory, { recursive: true, force: true });
    await server.close();
  });
  let stores = 0;
  const addressOf = (): S3Address => ({
    url,
    prefix: `store-${(stores += 1)}/`,
    region: 'us-east-1',
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    sessionToken: null,
  });

  storeContract('in Redis and S3', (options) =>
    redisStore(server.url, { ...options, bytes: new BytesInS3(addressOf()) }),
  );

  async function withFake(options: RedisTestOptions = {}): Promise<RedisUnderTest & { fake: FakeS3 }> {
    const fake = await fakeS3();
    return { ...(await redisStore(server.url, { bytes: new BytesInS3(fake.address), ...options })), fake };
  }

  test('nothing of a picture is in Redis but its head, and of a purged scope no object is left', async () => {
    const { store, fake, prefix } = await withFake();
    const [own, common] = [blobBytes(1, 200_000), blobBytes(2, 200_000)];
    await put(store, 'a', { scope: 'acme', blobs: [own, common] });
    await put(store, 'z', { scope: 'zeta', blobs: [common] });
    expect(fake.objects.size).toBe(2);
    expect(await server.cli('KEYS', `${prefix}blob:*`)).toBe('');
    expect(await store.purge({ scope: 'acme' })).toMatchObject({ entries: 1 });
    expect([...fake.objects.keys()].map((path) => path.split('/').at(-1))).toEqual([refOf(common).digest]);
    expect((await read(store, 'z'))?.blobs.map((blob) => refOf(blob).digest)).toEqual([refOf(common).digest]);
    await store.purge({});
    expect(fake.objects.size).toBe(0);
  });

  test('a purge whose objects cannot be deleted says so, and they are deleted later', async () => {
    const { store, fake } = await withFake();
    await put(store, 'a', { scope: 'acme' });
    fake.fault = { status: 503, code: 'SlowDown' };
    await expect(store.purge({ scope: 'acme' })).rejects.toThrow(StoreDown);
    expect(await has(store, 'a')).toBe(false);
    expect(fake.objects.size).toBe(1);
    fake.fault = null;
    await store.sweep();
    expect(fake.objects.size).toBe(0);
  });

  test('what was written and never filed is deleted when its time is over, and what was filed since is not', async () => {
    const { store, clock, fake, prefix } = await withFake({ keepMs: 500 });
    await put(store, 'a', { blobs: [blobBytes(1, 1000)] });
    // An instance that dies between its bytes and its books.
    const lost = blobBytes(2, 1000);
    await new BytesInS3(fake.address).write(refOf(lost), [lost], 10_000);
    await server.cli('ZADD', `${prefix}dead`, String(clock.now + 600_000), refOf(lost).digest);
    await store.sweep();
    expect(fake.objects.size).toBe(2);
    clock.now += 600_000;
    await store.sweep();
    expect([...fake.objects.values()]).toEqual([blobBytes(1, 1000)]);
  });

  test('an object that is lost is a miss, and its entry goes; the same picture is put anew', async () => {
    const { store, fake } = await withFake();
    await put(store, 'a');
    fake.objects.clear();
    const [ref] = (await store.get('a'))!.value.blobs;
    expect(await store.blob(ref!)).toBeNull();
    await store.delete('a');
    await put(store, 'a');
    expect((await read(store, 'a'))?.blobs).toEqual([blobBytes(1, 1000)]);
  });

  test('an object store that hangs is a miss within its deadline, said once, and used again', async () => {
    const { store, fake, troubles } = await withFake({
      findMs: 700,
      keepMs: 3_000,
      pausesMs: { first: 1, longest: 10 },
    });
    expect(await put(store, 'a')).toBe(true);
    const [ref] = entryOf().blobs;
    fake.fault = 'hang';
    for (let tries = 0; tries < 4; tries += 1) await expect(store.blob(ref!)).rejects.toThrow(StoreDown);
    expect(await put(store, 'b', { blobs: [blobBytes(2, 1000)] })).toBe(false);
    expect(troubles).toEqual(['bytes_failed']);
    fake.fault = null;
    await expect.poll(() => store.blob(ref!).catch(() => null)).not.toBeNull();
    expect(troubles).toEqual(['bytes_failed', 'bytes_again']);
  });
});
