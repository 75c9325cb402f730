import { expect, test } from 'vitest';
import { banner } from '../src/banner.ts';
import type { FirstKeyTold } from '../src/tenants/first-key.ts';
import { inDirectory } from './config/in-directory.ts';

const { load } = inDirectory();

const SIMULATED = 'upstreams: [{ id: test, baseUrl: "simulator:" }]';
const DEV_KEY: FirstKeyTold = { where: 'here', key: 'sk-plantain-dev', again: true };

function said(
  yaml: string | null,
  environment: Record<string, string>,
  firstKey: FirstKeyTold | null,
  adminUrl: string | null = null,
): string {
  const urls = { apiUrl: 'http://127.0.0.1:8080', operationsUrl: 'http://127.0.0.1:9464', adminUrl };
  return banner(load(yaml, environment), { ...urls, firstKey });
}

test('a simulator that stands in for a missing key says how to get real pictures', () => {
  const text = said(null, {}, DEV_KEY);
  expect(text).toMatch(/simulator draws, since no vendor key is set/);
  expect(text).toMatch(/^Real pictures: +WISDOM_GATE_KEY=/m);
});

test('a simulator that was configured is not blamed on a missing key', () => {
  const text = said(SIMULATED, { GEMINI_API_KEY: 'a-vendors-key' }, DEV_KEY);
  expect(text).toMatch(/simulator draws, as configured/);
  expect(text).not.toMatch(/no vendor key|Real pictures/);
});

test('a vendor is named as the one who is paid, and its key is not', () => {
  const text = said(null, { GEMINI_API_KEY: 'a-vendors-key' }, { where: 'file', file: '/data/first-key' });
  expect(text).toMatch(/PAID FOR at google/);
  expect(text).toMatch(/^The key: +in \/data\/first-key .*\$1 a day/m);
  expect(text).not.toContain('a-vendors-key');
});

test('the admin API is named where it is on, and its key is not', () => {
  expect(said(SIMULATED, {}, null)).not.toContain('admin');
  const text = said(SIMULATED, { PLANTAIN_ADMIN_KEY: 'an-admin-key-of-24-chars' }, null, 'http://127.0.0.1:9465');
  expect(text).toContain('the admin API on http://127.0.0.1:9465');
  expect(text).not.toContain('an-admin-key');
});

test('the keys of a configuration are never shown', () => {
  const text = said(`${SIMULATED}\ntenants: [{ id: a, keys: [{ key: sk-of-a-tenant }] }]`, {}, null);
  expect(text).not.toContain('sk-of-a-tenant');
  expect(text).toContain('Bearer $PLANTAIN_KEY');
});
