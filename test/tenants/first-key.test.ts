import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { authenticate, createKeyRing, keyDigest } from '../../src/tenants/authenticate.ts';
import { firstKey } from '../../src/tenants/first-key.ts';
import { temporaryDirectory } from './temporary.ts';

const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);

describe('with the simulator', () => {
  test('the first key is the fixed one, without a cap, and nothing is written', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    const { entry, told } = await firstKey({ dataDir, isTerminal: false, simulator: true });
    expect(told).toEqual({ where: 'here', key: 'sk-plantain-dev', again: true });
    const caller = authenticate(createKeyRing([entry]), ['sk-plantain-dev'], 0);
    expect(caller).toMatchObject({ keyId: 'dev', tenant: { id: 'dev', models: null, budgets: [] } });
    expect(() => statSync(dataDir)).toThrow(/ENOENT/);
  });
});

describe('with a paying upstream', () => {
  test('a terminal is shown a random key once, capped at a dollar a day', async () => {
    const dataDir = join(temporaryDirectory(), 'data');
    const { entry, told } = await firstKey({ dataDir, isTerminal: true, simulator: false });
    if (told.where !== 'here') throw new Error('it was not shown');
    expect(told.key).toMatch(/^sk-plantain-[\w-]{32,}$/);
    expect(told.again).toBe(false);
    const { tenant } = authenticate(createKeyRing([entry]), [told.key], 0);
    expect(tenant.budgets).toEqual([{ limitNanos: 1_000_000_000, per: 'day', timeZone: 'UTC', models: null }]);
    expect(readdirSync(dataDir)).toEqual(['first-key.sha256']);
    expect(mode(join(dataDir, 'first-key.sha256'))).toBe('600');
    expect(readFileSync(join(dataDir, 'first-key.sha256'), 'utf8')).toBe(`${keyDigest(told.key)}\n`);
    expect(entry.id).not.toContain(told.key.slice(12, 20));

    const later = await firstKey({ dataDir, isTerminal: true, simulator: false });
    expect(later.entry).toEqual(entry);
    expect(later.told).toEqual({ where: 'shown before', forget: join(dataDir, 'first-key.sha256') });
  });

  test('without a terminal it is written for this user only, and every later start says where', async () => {
    const dataDir = temporaryDirectory();
    const first = await firstKey({ dataDir, isTerminal: false, simulator: false });
    const file = join(dataDir, 'first-key');
    expect(first.told).toEqual({ where: 'file', file });
    expect(mode(file)).toBe('600');
    const key = readFileSync(file, 'utf8').trim();
    expect(authenticate(createKeyRing([first.entry]), [key], 0).tenant.id).toBe('first');
    for (const isTerminal of [true, false])
      expect(await firstKey({ dataDir, isTerminal, simulator: false })).toEqual(first);
    expect(readdirSync(dataDir).sort()).toEqual(['first-key', 'first-key.sha256']);
  });

  test('the key still works when its file was removed', async () => {
    const dataDir = temporaryDirectory();
    const { entry } = await firstKey({ dataDir, isTerminal: false, simulator: false });
    rmSync(join(dataDir, 'first-key'));
    const later = await firstKey({ dataDir, isTerminal: false, simulator: false });
    expect(later).toEqual({ entry, told: { where: 'shown before', forget: join(dataDir, 'first-key.sha256') } });
  });

  test('forgetting the digest makes a new key on the same budget', async () => {
    const dataDir = temporaryDirectory();
    const old = await firstKey({ dataDir, isTerminal: false, simulator: false });
    rmSync(join(dataDir, 'first-key.sha256'));
    const renewed = await firstKey({ dataDir, isTerminal: true, simulator: false });
    expect(renewed.entry.sha256).not.toBe(old.entry.sha256);
    expect(renewed.entry.id).not.toBe(old.entry.id);
    expect(renewed.entry.tenant).toEqual(old.entry.tenant);
    expect(readdirSync(dataDir)).toEqual(['first-key.sha256']);
  });

  test('a start cut short before the digest was written is made good by the next', async () => {
    const dataDir = temporaryDirectory();
    writeFileSync(join(dataDir, 'first-key'), 'sk-plantain-unfinished\n', { mode: 0o644 });
    writeFileSync(join(dataDir, 'first-key.unfinished'), 'half', { mode: 0o644 });
    const { entry } = await firstKey({ dataDir, isTerminal: false, simulator: false });
    const file = join(dataDir, 'first-key');
    expect(mode(file)).toBe('600');
    expect(keyDigest(readFileSync(file, 'utf8').trim())).toBe(entry.sha256);
  });

  test('a broken digest stops the start and says what to remove', async () => {
    const dataDir = temporaryDirectory();
    writeFileSync(join(dataDir, 'first-key.sha256'), 'nonsense');
    await expect(firstKey({ dataDir, isTerminal: true, simulator: false })).rejects.toThrow(
      /first-key\.sha256 holds no SHA-256.*Remove it/,
    );
  });

  test('a directory that cannot be made stops the start', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    await expect(firstKey({ dataDir: join(file, 'data'), isTerminal: true, simulator: false })).rejects.toThrow(
      /ENOTDIR/,
    );
  });
});
