import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import { reloaded } from '../../src/config/reload.ts';
import { inDirectory } from './in-directory.ts';

const { load } = inDirectory();
const VENDOR = { id: 'vendor', kind: 'gemini', baseUrl: 'https://vendor.example', keyFrom: 'VENDOR_KEY' };
const MODEL = {
  id: 'gemini-3.1-flash-image',
  targets: [{ upstream: 'vendor', model: 'gemini-3.1-flash-image', price: { perImageUsd: 0.05 } }],
};

const read = (more: Record<string, unknown> = {}): Config =>
  load(
    stringify({
      upstreams: [VENDOR],
      models: [MODEL],
      tenants: [{ id: 'acme', keys: [{ key: 'sk-tenant-acme' }] }],
      ...more,
    }),
    { VENDOR_KEY: 'vendor-key' },
  );

test('what can change at run time is as it was read, and nothing waits for a restart', () => {
  const next = read({
    logLevel: 'warn',
    cors: { origins: ['https://studio.example'] },
    images: { defaultFormat: 'png' },
    cache: { when: 'always', ttlSeconds: 60, onDisconnect: 'cancel' },
    tenants: [{ id: 'globex', keys: [{ key: 'sk-tenant-globex' }], budgets: [{ limitUsd: 1, per: 'day' }] }],
    budgets: [{ limitUsd: 5, per: 'month' }],
    alerts: { thresholds: [0.5] },
    upstreams: [{ ...VENDOR, answerWithinMs: 1000 }],
  });
  const { config, waiting } = reloaded(read(), next);
  expect(waiting).toEqual([]);
  expect(config).toEqual(next);
  expect(Object.isFrozen(config) && Object.isFrozen(config.cache)).toBe(true);
});

test.each([
  ['listen', { listen: { host: '127.0.0.1', port: 9999 }, publicUrl: 'http://127.0.0.1:8080' }],
  ['operations', { operations: { port: 9999 } }],
  ['admin or PLANTAIN_ADMIN_KEY', { admin: { port: 9999 } }],
  ['trustProxy', { trustProxy: ['10.0.0.0/8'] }],
  ['dataDir', { dataDir: './elsewhere' }],
  ['bounds', { bounds: { bodyBytes: 1 << 20 } }],
  ['tasks', { tasks: { inTheAir: 7 } }],
  ['files', { files: { perTenant: 7 } }],
  ['state', { state: 'redis://127.0.0.1:6379' }],
  ['retention', { retention: { signatureDays: 0 } }],
  ['cache.store', { cache: { store: 'memory' } }],
  ['cache.memoryBytes', { cache: { memoryBytes: 1 << 20 } }],
  ['cache.diskBytes', { cache: { diskBytes: 1 << 30 } }],
])('%s stays as it was and is named; what was changed beside it holds', (name, more: Record<string, unknown>) => {
  const running = read({ publicUrl: 'http://127.0.0.1:8080' });
  const next = read({ publicUrl: 'http://127.0.0.1:8080', logLevel: 'error', ...more });
  const { config, waiting } = reloaded(running, next);
  expect(waiting).toEqual([name]);
  expect(config).toEqual({ ...running, logLevel: 'error', source: next.source, warnings: next.warnings });
});

test('an address that callers use, and what follows from it, is named once', () => {
  const { waiting } = reloaded(read(), read({ publicUrl: 'https://pictures.example' }));
  expect(waiting).toEqual(['publicUrl or PLANTAIN_LINK_SECRET']);
});

test('between the simulator and a vendor nothing is changed without a restart', () => {
  const simulated = read({ upstreams: [{ ...VENDOR, baseUrl: 'simulator:' }] });
  expect(() => reloaded(read(), simulated)).toThrow(ConfigError);
  expect(() => reloaded(simulated, read())).toThrow(/upstreams: .* needs a restart/);
});
