import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cachePurge, cacheStats } from '../../src/cli/cache.ts';
import type { Command } from '../../src/cli/command.ts';
import { lockDirectory } from '../../src/sqlite.ts';
import { blobBytes, read, START } from '../cache/entries.ts';
import { ADMIN_KEY, startGateway } from '../support/gateway.ts';
import { diskStore, put, temporaryDirectory } from '../cache/stores.ts';

async function run(command: Command, directory: string, ...words: string[]): Promise<{ code: number; said: string }> {
  return runIn({}, command, directory, ...words);
}

async function runIn(
  environment: Record<string, string>,
  command: Command,
  directory: string,
  ...words: string[]
): Promise<{ code: number; said: string; noted: string }> {
  let [said, noted] = ['', ''];
  const code = await command.run(['--data-dir', directory, ...words], {
    environment,
    workingDirectory: directory,
    print: (text) => void (said += text),
    note: (text) => void (noted += text),
    input: () => Promise.resolve(''),
    confirm: null,
  });
  return { code, said, noted };
}

const DAY_MS = 86_400_000;

test('cache stats tells what is kept while a gateway keeps it, as a table, CSV and JSON', async () => {
  const data = temporaryDirectory();
  expect(JSON.parse((await run(cacheStats, data, '--format', 'json')).said)).toEqual([]);
  const { store } = diskStore({ directory: join(data, 'cache') });
  await put(store, 'a', { blobs: [blobBytes(1, 5000)] });
  await put(store, 'b', { scope: 'zeta', model: 'pro', blobs: [blobBytes(1, 5000)] });
  await read(store, 'a');
  await store.stats();
  const [first, second] = JSON.parse((await run(cacheStats, data, '--format', 'json')).said) as object[];
  expect(first).toMatchObject({
    scope: 'acme',
    model: 'flash',
    entries: 1,
    hits: 1,
    oldest: '2023-11-14T22:13:20.000Z',
  });
  expect(second).toMatchObject({ scope: 'zeta', model: 'pro', entries: 1, hits: 0 });
  expect((await run(cacheStats, data)).said).toMatch(/^scope +model[^]*\nacme +flash +1[^]*\ntotal +2 +\d+ +1\n$/);
  expect((await run(cacheStats, data, '--format', 'csv')).said).toMatch(/^scope,model,entries,bytes,hits,oldest\r\n/);
  await expect(run(cacheStats, data, '--format', 'xml')).rejects.toThrow(/--format/);
});

test('cache purge removes what is selected, never everything by accident, and not under a running gateway', async () => {
  const data = temporaryDirectory();
  const directory = join(data, 'cache');
  const before = diskStore({ directory });
  await put(before.store, 'a', { createdAt: START, blobs: [blobBytes(1, 5000)] });
  await put(before.store, 'b', { createdAt: START + 2 * DAY_MS });
  await put(before.store, 'c', { scope: 'zeta', createdAt: START });
  const key = 'f'.repeat(64);
  await put(before.store, `acme:${key}`, { createdAt: START + 2 * DAY_MS });
  await before.store.close();

  await expect(run(cachePurge, data)).rejects.toThrow(/Say what to remove/);
  await expect(run(cachePurge, data, '--scope', 'acme', '--all')).rejects.toThrow(/Say what to remove/);
  await expect(run(cachePurge, data, '--before', 'yesterday')).rejects.toThrow(/--before/);
  await expect(run(cachePurge, data, '--key', key)).rejects.toThrow(/--scope/);
  await expect(run(cachePurge, data, '--key', 'abc', '--scope', 'acme')).rejects.toThrow(/64 hex/);
  const lock = lockDirectory(data);
  await expect(run(cachePurge, data, '--all')).rejects.toThrow(/stop it/);
  lock.close();

  expect((await run(cachePurge, data, '--scope', 'zeta', '--key', key)).said).toMatch(/^removed 0 entries/);
  expect((await run(cachePurge, data, '--scope', 'acme', '--key', key)).said).toMatch(/^removed 1 entries/);
  expect((await run(cachePurge, data, '--scope', 'acme', '--before', '2023-11-16')).said).toMatch(/^removed 1 entries/);
  const after = diskStore({ directory });
  expect(await Promise.all(['a', 'b', 'c'].map(async (name) => (await read(after.store, name)) !== null))).toEqual([
    false,
    true,
    true,
  ]);
  await after.store.close();
  expect((await run(cachePurge, data, '--all')).said).toMatch(/^removed 2 entries/);
  const empty = join(temporaryDirectory(), 'never used');
  mkdirSync(empty);
  expect((await run(cachePurge, empty, '--all')).said).toBe('removed 0 entries of 0 bytes\n');
});

test('of a cache that is not on disk a running gateway is asked, and without its key it is said that it would have to be', async () => {
  const gateway = await startGateway({
    admin: true,
    config: { cache: { store: 'memory' }, retention: { signatureDays: 0 } },
  });
  onTestFinished(gateway.close);
  await gateway.post('/v1/images/generations', { prompt: 'a fox', seed: 7, image_size: '512' });
  const environment = { PLANTAIN_ADMIN_KEY: ADMIN_KEY, PLANTAIN_ADMIN_URL: gateway.adminUrl };
  const data = temporaryDirectory();
  const stats = await runIn(environment, cacheStats, data, '--format', 'json');
  expect(JSON.parse(stats.said)).toMatchObject([{ scope: 'acme', model: 'gemini-3.1-flash-image', entries: 1 }]);
  expect((await runIn({}, cacheStats, data)).noted).toMatch(/set PLANTAIN_ADMIN_KEY/);
  expect(await runIn({}, cachePurge, data, '--all')).toMatchObject({
    said: expect.stringMatching(/^removed 0/),
    noted: expect.stringMatching(/set PLANTAIN_ADMIN_KEY/),
  });
  expect((await runIn(environment, cachePurge, data, '--scope', 'acme')).said).toMatch(/^removed 1 entries/);
  expect(await gateway.cache.stats()).toEqual([]);
});
