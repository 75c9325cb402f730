import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keepLinkSecrets, linkSecrets } from '../../src/app/link-secret.ts';

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'plantain-secret-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test('a secret is made once, for this user alone, and none where the environment has one', async () => {
  const data = join(directory(), 'data');
  expect(await linkSecrets(data, ['x', 'y'])).toEqual(['x', 'y']);
  const made = await linkSecrets(data, []);
  expect(made[0]).toMatch(/^[\w-]{43}$/);
  expect(await linkSecrets(data, [])).toEqual(made);
  expect(readdirSync(data)).toEqual(['link-secret']);
  expect(statSync(join(data, 'link-secret')).mode & 0o777).toBe(0o600);
});

test('lines of the file are the current secret and those before it; what is too short is refused', async () => {
  const data = directory();
  const [current, before] = ['c'.repeat(32), 'b'.repeat(40)];
  writeFileSync(join(data, 'link-secret'), `${current}\n\n${before}\n`);
  expect(await linkSecrets(data, [])).toEqual([current, before]);
  for (const text of ['', '\n', `${current}\nshort`]) {
    writeFileSync(join(data, 'link-secret'), text);
    await expect(linkSecrets(data, [])).rejects.toThrow(/32 characters/);
  }
});

test('what is kept is what the next start reads, and is for this user alone', async () => {
  const data = directory();
  await linkSecrets(data, []);
  await keepLinkSecrets(data, ['n'.repeat(32), 'o'.repeat(32)]);
  expect(await linkSecrets(data, [])).toEqual(['n'.repeat(32), 'o'.repeat(32)]);
  expect(statSync(join(data, 'link-secret')).mode & 0o777).toBe(0o600);
});
