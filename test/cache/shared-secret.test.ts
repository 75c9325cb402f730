import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createLinkSigner } from '../../src/cache/link-signature.ts';
import type { LinkSigner, Secrets } from '../../src/cache/link-signature.ts';
import { shareLinkSecret } from '../../src/cache/shared-secret.ts';
import { openRedis } from '../../src/redis.ts';
import { startRedis, withRedis } from '../support/redis.ts';
import type { RedisServer } from '../support/redis.ts';

interface Instance {
  readonly signer: LinkSigner;
  readonly kept: Secrets[];
  readonly troubles: unknown[];
}

const secret = (letter: string): string => letter.repeat(40);
const ID = 'i'.repeat(43);

withRedis('the secret of instances that share a cache', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.close());

  async function start(prefix: string, ...secrets: Secrets): Promise<Instance> {
    const redis = openRedis(server.url);
    await expect.poll(() => redis.trouble() === null || !isUp).toBe(true);
    const instance = { signer: createLinkSigner(secrets), kept: [] as Secrets[], troubles: [] as unknown[] };
    const end = await shareLinkSecret({
      redis,
      prefix,
      signer: instance.signer,
      keep: async (all) => void instance.kept.push(all),
      onTrouble: (cause) => instance.troubles.push(cause),
    });
    onTestFinished(async () => {
      end();
      await redis.close();
    });
    return instance;
  }
  let isUp = true;

  test('is that of the first, and what each has signed before stays good with it', async () => {
    const prefix = `{${randomUUID()}}:`;
    const one = await start(prefix, secret('a'));
    const two = await start(prefix, secret('b'), secret('c'));
    expect([one.signer.secrets, one.kept]).toEqual([[secret('a')], []]);
    expect(two.signer.secrets).toEqual([secret('a'), secret('b'), secret('c')]);
    expect(two.kept).toEqual([two.signer.secrets]);
    expect(two.signer.isGenuine('link', ID, 5, one.signer.sign('link', ID, 5))).toBe(true);
    expect(one.signer.isGenuine('link', ID, 5, two.signer.sign('link', ID, 5))).toBe(true);
    expect(two.signer.isGenuine('link', ID, 5, createLinkSigner([secret('b')]).sign('link', ID, 5))).toBe(true);
  });

  test('is put back when Redis has lost it, and found by who came while Redis was away', async () => {
    const prefix = `{${randomUUID()}}:`;
    const one = await start(prefix, secret('a'));
    await server.cli('FLUSHALL');
    await server.stop();
    isUp = false;
    const two = await start(prefix, secret('b'));
    isUp = true;
    expect(two.signer.secrets).toEqual([secret('b')]);
    await server.start();
    await expect.poll(() => one.signer.secrets[0] === two.signer.secrets[0]).toBe(true);
    expect(await server.cli('GET', `${prefix}link-secret`)).toBe(one.signer.secrets[0]);
    for (const [signs, reads] of [
      [one, two],
      [two, one],
    ] as const)
      expect(reads.signer.isGenuine('link', ID, 5, signs.signer.sign('link', ID, 5))).toBe(true);
  });

  test('is no rubbish that lies in its place: then each goes on with its own, and says so', async () => {
    const prefix = `{${randomUUID()}}:`;
    await server.cli('SET', `${prefix}link-secret`, 'short');
    const one = await start(prefix, secret('a'));
    expect([one.signer.secrets, one.troubles.length]).toEqual([[secret('a')], 1]);
  });
});
