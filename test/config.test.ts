import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { deadlineMs, describeConfig, loadConfig } from '../src/config.ts';
import { USUAL_CEILING } from '../src/image/model.ts';
import { inDirectory } from './config/in-directory.ts';

const { directory, load, refusal, mistakes } = inDirectory();

const KEY = { GEMINI_API_KEY: 'upstream-secret' };

const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');

const ids = (items: readonly { readonly id: string }[]): string[] => items.map(({ id }) => id);

describe('who draws', () => {
  it('is the simulator, at the prices of the real thing, when nothing is configured and no key is set', () => {
    const config = load(null, {});
    expect(config.simulator).toBe(true);
    expect(config.upstreams).toMatchObject([{ id: 'simulator', baseUrl: 'simulator:', keys: ['simulator'] }]);
    expect(config.models.map(({ targets }) => targets)).toMatchObject([
      [{ upstream: 'simulator', model: 'gemini-3.1-flash-image', price: { perMillionTokensUsd: { image: 60 } } }],
      [{ upstream: 'simulator', model: 'gemini-3-pro-image', price: { perMillionTokensUsd: { image: 120 } } }],
    ]);
    expect(config.warnings).toEqual([]);
    expect(config.source.named).toBe(false);
  });

  it.each(['127.0.0.1', '127.8.8.8', 'localhost', '::1'])('may be the simulator on %s', (host) => {
    expect(load(null, { HOST: host }).simulator).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.example.com'])('is nobody on %s without a key', (HOST) => {
    const error = refusal(null, { HOST });
    expect(error.exitCode).toBe(78);
    expect(error.message).toMatch(
      /^HOST: without a key \(.*WISDOM_GATE_KEY is not set.*GEMINI_API_KEY \(or GOOGLE_API_KEY\) is not set\)/,
    );
  });

  it.each([
    [{ GEMINI_API_KEY: 'k' }, ['google'], ['gemini-3.1-flash-image', 'gemini-3-pro-image']],
    [{ GOOGLE_API_KEY: 'k' }, ['google'], ['gemini-3.1-flash-image', 'gemini-3-pro-image']],
    [{ WISDOM_GATE_KEY: 'k' }, ['wisdom-gate'], ['gemini-3.1-flash-image']],
    [
      { WISDOM_GATE_KEY: 'k', GEMINI_API_KEY: 'k' },
      ['wisdom-gate', 'google'],
      ['gemini-3.1-flash-image', 'gemini-3-pro-image'],
    ],
  ] as const)('with %j is %j, for %j', (environment, upstreams, models) => {
    const config = load(null, { ...environment, HOST: '0.0.0.0' });
    expect(config.simulator).toBe(false);
    expect(ids(config.upstreams)).toEqual(upstreams);
    expect(ids(config.models)).toEqual(models);
  });

  it('is told by warnings where a key is missing', () => {
    expect(load(null, { WISDOM_GATE_KEY: 'k' }).warnings).toEqual([
      'The upstream google is skipped: GEMINI_API_KEY (or GOOGLE_API_KEY) is not set.',
      'The model gemini-3-pro-image is left out: it has no target on wisdom-gate.',
    ]);
  });

  it('is nobody under a named configuration without a usable upstream', () => {
    expect(mistakes('logLevel: warn\n', {})).toEqual([
      'my.yaml:1 upstreams: none of them can draw (wisdom-gate: WISDOM_GATE_KEY is not set; google: GEMINI_API_KEY (or GOOGLE_API_KEY) is not set)',
    ]);
  });

  it('may be the simulator by name, anywhere and without a key', () => {
    const config = load('upstreams: [{ id: test, baseUrl: "simulator:" }]', { HOST: '0.0.0.0' });
    expect(config.simulator).toBe(true);
    expect(config.upstreams).toMatchObject([{ id: 'test', keys: ['simulator'] }]);
    expect(config.models.flatMap(({ targets }) => targets.map(({ upstream }) => upstream))).toEqual(['test', 'test']);
  });

  it('is never the simulator beside a real upstream', () => {
    const yaml =
      'upstreams:\n  - { id: sim, baseUrl: "simulator:" }\n  - { id: google, baseUrl: "https://g.example", keyFrom: GEMINI_API_KEY }\n';
    expect(mistakes(yaml)).toEqual([expect.stringMatching(/^my\.yaml:1 upstreams: the simulator cannot stand beside/)]);
  });

  it('is nobody for a default model that no usable upstream offers', () => {
    expect(mistakes('images: { defaultModel: nano-banana-pro }', { WISDOM_GATE_KEY: 'k' })).toEqual([
      'my.yaml:1 images.defaultModel: gemini-3-pro-image has no target on wisdom-gate: name one, with its price, under models',
    ]);
  });
});

describe('the file', () => {
  it('that ships says what holds without it', () => {
    const shipped = load(null);
    const { source: _, ...rest } = load('');
    const { source, ...same } = shipped;
    expect(rest).toEqual(same);
    expect(source.file).toMatch(/config\/plantain\.yaml$/);
  });

  it('is named by --config before PLANTAIN_CONFIG, both from the working directory', () => {
    writeFileSync(join(directory, 'other.yaml'), 'logLevel: error');
    const byVariable = loadConfig({
      file: null,
      environment: { ...KEY, PLANTAIN_CONFIG: 'other.yaml' },
      workingDirectory: directory,
    });
    expect([byVariable.logLevel, byVariable.source]).toEqual([
      'error',
      { file: join(directory, 'other.yaml'), named: true },
    ]);
    expect(load('logLevel: debug', { ...KEY, PLANTAIN_CONFIG: 'other.yaml' }).logLevel).toBe('debug');
    expect(load(null, { ...KEY, PLANTAIN_CONFIG: '' }).source.named).toBe(false);
  });

  it('that is not there is a mistake', () => {
    const missing = () => loadConfig({ file: 'nowhere.yaml', environment: KEY, workingDirectory: directory });
    expect(missing).toThrow('nowhere.yaml: the file cannot be read (ENOENT)');
  });

  it('becomes one value that nothing can change', () => {
    const config = load('tenants: [{ id: a, keys: [{ key: sk-literal }], budgets: [{ limitUsd: 1, per: day }] }]');
    const unfrozen: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) unfrozen.push(path);
      for (const [name, member] of Object.entries(value)) walk(member, `${path}.${name}`);
    };
    walk(config, 'config');
    expect(unfrozen).toEqual([]);
  });

  it.each([
    ['listen: {', /^my\.yaml:\d+: /],
    ['logLevel: warn\nlogLevel: info\n', /^my\.yaml:2: .*unique/],
    ['dataDir: *nowhere\n', /^my\.yaml: .*nowhere/],
    ['tenants: &a [*a]\n', /^my\.yaml:1 tenants\[0\]/],
    ['a: 1\n---\nb: 2\n', /^my\.yaml:\d: .*multiple documents/],
  ])('%j is a mistake of YAML', (yaml, message) => {
    expect(refusal(yaml).message).toMatch(message);
  });
});

describe('the environment', () => {
  it('stands over the file', () => {
    const yaml =
      'listen: { host: 127.0.0.2, port: 1 }\noperations: { port: 2 }\ndataDir: a\nlogLevel: warn\npublicUrl: http://old.example\n';
    const environment = {
      ...KEY,
      PORT: '8081',
      HOST: '0.0.0.0',
      OPERATIONS_PORT: '9999',
      OPERATIONS_HOST: '::',
      PUBLIC_URL: 'https://new.example/pictures/',
      DATA_DIR: '/var/lib/plantain',
      LOG_LEVEL: 'DEBUG',
    };
    expect(load(yaml, environment)).toMatchObject({
      listen: { host: '0.0.0.0', port: 8081 },
      operations: { host: '::', port: 9999 },
      publicUrl: 'https://new.example/pictures',
      dataDir: '/var/lib/plantain',
      logLevel: 'debug',
    });
  });

  it('counts for nothing where it is empty', () => {
    const empty = {
      PORT: '',
      HOST: ' ',
      LOG_LEVEL: '',
      DATA_DIR: '',
      GEMINI_API_KEY: '',
      WISDOM_GATE_KEY: ' ',
      GEMINI_API_KEY_FILE: '',
    };
    expect(load(null, empty)).toEqual(load(null, {}));
  });

  it.each([
    [{ PORT: '8081' }, 'http://127.0.0.1:8081'],
    [{ PORT: '8081', HOST: '0.0.0.0' }, 'http://127.0.0.1:8081'],
    [{ PORT: '8081', HOST: '::1' }, 'http://[::1]:8081'],
    [{ PORT: '8081', PUBLIC_URL: 'https://p.example/' }, 'https://p.example'],
  ])('%j makes the public address %s', (environment, url) => {
    expect(load(null, { ...KEY, ...environment }).publicUrl).toBe(url);
  });

  it.each([
    [{ PORT: '-1' }, 'PORT: must be 0 to 65535, is "-1"'],
    [{ PORT: '8080.5' }, 'PORT: must be 0 to 65535, is "8080.5"'],
    [{ HOST: 'a b' }, 'HOST: must be an IP address or a host name, is "a b"'],
    [{ OPERATIONS_PORT: '8080' }, 'OPERATIONS_PORT: must not be the port of the API: 8080'],
    [{ PUBLIC_URL: 'ftp://x' }, 'PUBLIC_URL: must be an address that begins with http:// or https://'],
    [{ GEMINI_API_KEY_FILE: 'nowhere' }, 'GEMINI_API_KEY: set GEMINI_API_KEY or GEMINI_API_KEY_FILE, not both'],
    [{ GEMINI_API_KEY: '', GEMINI_API_KEY_FILE: 'nowhere' }, 'GEMINI_API_KEY_FILE: the file cannot be read (ENOENT)'],
    [
      { PLANTAIN_ADMIN_KEY: 'too-short' },
      'PLANTAIN_ADMIN_KEY: must have at least 16 characters: make one with "openssl rand -hex 32"',
    ],
    [
      { PLANTAIN_ADMIN_KEY: 'an-admin-key-of-24-chars', ADMIN_PORT: '8080' },
      'ADMIN_PORT: must not be the port of the API: 8080',
    ],
    [{ ADMIN_PORT: 'http' }, 'ADMIN_PORT: must be 0 to 65535, is "http"'],
    [{ GEMINI_API_KEY: 'two words' }, 'GEMINI_API_KEY: a key has no spaces, line breaks or characters beyond ASCII'],
  ])('%j is refused', (environment, message) => {
    expect(mistakes(null, { ...KEY, ...environment })).toEqual([message]);
  });

  it('has any free port where it says 0, for as many of them as like', () => {
    const any = { PORT: '0', OPERATIONS_PORT: '0', ADMIN_PORT: '0', PLANTAIN_ADMIN_KEY: 'an-admin-key-of-24-chars' };
    const { listen, operations, admin } = load(null, { ...KEY, ...any });
    expect([listen.port, operations.port, admin.port]).toEqual([0, 0, 0]);
  });

  it('has the admin key, of which the configuration keeps and shows no more than that there is one', () => {
    writeFileSync(join(directory, 'admin'), 'an-admin-key-of-24-chars\n');
    const config = load('admin: { port: 1 }', { ...KEY, PLANTAIN_ADMIN_KEY_FILE: 'admin', ADMIN_HOST: '::1' });
    const keySha256 = createHash('sha256').update('an-admin-key-of-24-chars').digest('hex');
    expect(config.admin).toEqual({ host: '::1', port: 1, keySha256 });
    expect(describeConfig(config)).toMatch(/admin:\n +host: ::1\n +port: 1\n +key: \(hidden\)\n/);
    expect(describeConfig(config)).not.toContain(keySha256);
    expect(load(null, { ...KEY, ADMIN_PORT: '8080' }).admin).toMatchObject({ port: 8080, keySha256: null });
    const same = 'tenants: [{ id: a, keys: [{ key: an-admin-key-of-24-chars }] }]';
    expect(mistakes(same, { ...KEY, PLANTAIN_ADMIN_KEY_FILE: 'admin' })).toEqual([
      'PLANTAIN_ADMIN_KEY: is the key of a tenant too: give the admin API a key of its own',
    ]);
  });

  it('holds keys, or names files that do', () => {
    writeFileSync(join(directory, 'secret'), 'from-a-file\n');
    const yaml = 'tenants: [{ id: a, keys: [{ keyFrom: ACME_KEY }, { keyFrom: OTHER_KEY }] }]';
    const environment = {
      GEMINI_API_KEY_FILE: 'secret',
      ACME_KEY: 'from-a-variable',
      OTHER_KEY_FILE: join(directory, 'secret'),
    };
    const config = load(yaml, environment);
    expect(config.upstreams[0]?.keys).toEqual(['from-a-file']);
    expect(config.tenants[0]?.keys.map((key) => key.sha256)).toEqual([
      sha256('from-a-variable'),
      sha256('from-a-file'),
    ]);
  });

  it('may hold some of several keys', () => {
    const yaml = 'upstreams: [{ id: google, baseUrl: "https://g.example", keysFrom: [KEY_A, KEY_B, KEY_C] }]';
    const config = load(yaml, { KEY_A: 'a', KEY_C: 'c' });
    expect(config.upstreams[0]?.keys).toEqual(['a', 'c']);
    expect(config.warnings).toEqual(['The upstream google goes without some of its keys: KEY_B is not set.']);
  });
});

describe('upstreams', () => {
  it.each([
    ['https://g.example/', 'https://g.example'],
    ['http://127.0.0.1:9090', 'http://127.0.0.1:9090'],
    ['https://g.example/gw/google//', 'https://g.example/gw/google'],
    ['HTTPS://G.Example:443/gw', 'https://g.example/gw'],
  ])('at %s are reached at %s', (baseUrl, reached) => {
    const config = load(`upstreams: [{ id: google, baseUrl: "${baseUrl}", keyFrom: GEMINI_API_KEY }]`);
    expect(config.upstreams[0]?.baseUrl).toBe(reached);
  });

  it('have deadlines for all tiers or by tier, the longest one for a tier without its own', () => {
    const deadlines = 'answerWithinMs: { 512: 20, 1K: 30 }, abandonAfterMs: 90';
    const yaml = `upstreams: [{ id: google, baseUrl: "https://g.example", keyFrom: GEMINI_API_KEY, ${deadlines}, sizeNames: { 512: 0.5K } }]`;
    const [google] = load(yaml).upstreams;
    const tiers = ['512', '1K', '4K', null] as const;
    expect(tiers.map((tier) => deadlineMs(google!.answerWithinMs, tier))).toEqual([20, 30, 30, 30]);
    expect(tiers.map((tier) => deadlineMs(google!.abandonAfterMs, tier))).toEqual([90, 90, 90, 90]);
    expect(google!.sizeNames).toEqual({ '512': '0.5K' });
  });
});

describe('models', () => {
  it('of the file are merged over the built-in ones, field by field', () => {
    const yaml = `
models:
  - id: gemini-3-pro-image
    aliases: [best]
    targets: [{ upstream: google, model: pro-at-google, price: { perImageUsd: { 1K: 0.1, 2K: 0.1, 4K: 0.2 } } }]
`;
    const pro = load(yaml).models.find(({ id }) => id === 'gemini-3-pro-image');
    expect(pro).toMatchObject({ aliases: ['best'], displayName: 'Nano Banana Pro', tiers: ['1K', '2K', '4K'] });
    expect(pro?.targets).toEqual([
      { upstream: 'google', model: 'pro-at-google', price: { perImageUsd: { '1K': 0.1, '2K': 0.1, '4K': 0.2 } } },
    ]);
  });

  it('that are not built in are configuration and nothing else', () => {
    const yaml = `
models:
  - id: nano-banana-3
    ratios: [1:1, 16:9]
    tiers: [1K]
    maxReferences: 3
    referenceTokens: 258
    imageTokens: { 1K: 1000 }
    inputTokenLimit: 32768
    outputTokenLimit: 8192
    released: 2026-10-01
    targets: [{ upstream: google, model: nano-banana-3, price: { perMillionTokensUsd: { input: 0.3, text: 2.5, image: 30 } } }]
images: { defaultModel: Nano-Banana-3 }
`;
    const config = load(yaml);
    expect(ids(config.models)).toEqual(['gemini-3.1-flash-image', 'gemini-3-pro-image', 'nano-banana-3']);
    expect(config.images.defaultModel).toBe('nano-banana-3');
    expect(config.models[2]).toMatchObject({
      displayName: 'nano-banana-3',
      aliases: [],
      ratios: ['1:1', '16:9'],
      retires: null,
      targets: [{ price: { ceiling: USUAL_CEILING, perSearchUsd: 0.014 } }],
    });
  });

  it('are chosen for auto by rules that name them by any of their names', () => {
    const flash = 'gemini-3.1-flash-image';
    expect(load('{}').auto.at(-1)).toEqual({ model: flash });
    const yaml =
      'auto: [{ when: { tier: [4K], mentions: [map] }, model: nano-banana-pro }, { model: nano-banana-2 }]\nimages: { defaultModel: auto }';
    const config = load(yaml);
    expect(config.auto).toEqual([
      { when: { tier: ['4K'], mentions: ['map'] }, model: 'gemini-3-pro-image' },
      { model: flash },
    ]);
    expect(config.images.defaultModel).toBe('auto');
    expect(load('auto: []').auto).toEqual([]);
  });

  it('are left out of the rules for auto where nobody draws them', () => {
    const { auto } = load('{}', { WISDOM_GATE_KEY: 'k' });
    expect(auto).toEqual([{ model: 'gemini-3.1-flash-image' }]);
    expect(
      mistakes('auto: [{ model: nano-banana-pro }]\nimages: { defaultModel: auto }', { WISDOM_GATE_KEY: 'k' }),
    ).toEqual(['my.yaml:2 images.defaultModel: auto has nothing to choose from: no model of its rules has a target']);
  });

  it('tell of retired names only while these are among their aliases', () => {
    const retired = (yaml: string) => load(yaml).models[0]?.retired;
    expect(retired('{}')).toMatchObject([{ name: 'gemini-3.1-flash-image-preview' }]);
    expect(retired('models: [{ id: gemini-3.1-flash-image, aliases: [nano-banana-2] }]')).toEqual([]);
  });

  it('may pass a name from one to another where both say so', () => {
    const yaml =
      'models: [{ id: gemini-3.1-flash-image, aliases: [nano-banana-2] }, { id: gemini-3-pro-image, aliases: ["gpt-image-*"] }]';
    expect(load(yaml).models.map(({ aliases }) => aliases)).toEqual([['nano-banana-2'], ['gpt-image-*']]);
  });

  it('are named by any of their names and kept by id', () => {
    const yaml = `
images: { defaultModel: gpt-image-1 }
tenants:
  - { id: a, keys: [{ key: sk-literal }], models: [nano-banana-2, dall-e-3], budgets: [{ limitUsd: 1, per: total, models: [nano-banana-pro] }] }
`;
    const config = load(yaml);
    expect(config.images.defaultModel).toBe('gemini-3.1-flash-image');
    expect(config.tenants[0]?.models).toEqual(['gemini-3.1-flash-image']);
    expect(config.tenants[0]?.budgets[0]?.models).toEqual(['gemini-3-pro-image']);
  });
});

describe('tenants', () => {
  it('have a scope of their own, every model and no budget unless told otherwise', () => {
    expect(load('tenants: [{ id: acme, keys: [{ key: sk-literal }] }]').tenants).toEqual([
      {
        id: 'acme',
        keys: [
          {
            sha256: sha256('sk-literal'),
            id: sha256('sk-literal').slice(0, 12),
            revoked: false,
            expiresAt: null,
            models: null,
            budgets: [],
            cache: null,
          },
        ],
        models: null,
        organisation: null,
        budgets: [],
        limits: null,
        safetyFloor: null,
        cache: { scope: 'acme', when: null, ttlSeconds: null },
      },
    ]);
  });

  it.each([
    ['2027-01-31T00:00:00Z', '2027-01-31T00:00:00.000Z'],
    ['2027-01-31', '2027-01-31T00:00:00.000Z'],
    ['2028-02-29T12:30+02:00', '2028-02-29T10:30:00.000Z'],
    ['2027-12-31T23:59:59.5-01:00', '2028-01-01T00:59:59.500Z'],
  ])('have keys that end at %s, wherever the gateway runs', (expires, moment) => {
    const config = load(`tenants: [{ id: acme, keys: [{ key: sk-literal, expires: ${expires} }] }]`);
    expect(config.tenants[0]?.keys).toMatchObject([{ revoked: false, expiresAt: Date.parse(moment) }]);
    expect(describeConfig(config)).toContain(`expires: ${moment}`);
  });

  it('have keys that are revoked', () => {
    const config = load('tenants: [{ id: acme, keys: [{ key: sk-literal, revoked: true }, { key: sk-another }] }]');
    expect(config.tenants[0]?.keys.map(({ revoked }) => revoked)).toEqual([true, false]);
  });

  it('have limits that are enforced unless told otherwise, and none where none is named', () => {
    const limitsOf = (limits: string) =>
      load(`tenants: [{ id: acme, keys: [{ key: sk-literal }], limits: ${limits} }]`).tenants[0]?.limits;
    expect(limitsOf('{ requestsPerMinute: 60, imagesPerMinute: 30, concurrentImages: 10, mode: shadow }')).toEqual({
      requestsPerMinute: 60,
      imagesPerMinute: 30,
      concurrentImages: 10,
      mode: 'shadow',
    });
    const unlimited = { requestsPerMinute: null, imagesPerMinute: null, concurrentImages: null };
    expect(limitsOf('{ concurrentImages: 1 }')).toEqual({ ...unlimited, concurrentImages: 1, mode: 'enforce' });
    expect(limitsOf('{}')).toEqual({ ...unlimited, mode: 'enforce' });
  });

  it('have budgets in days and months of their time zone', () => {
    const yaml = `
tenants:
  - id: acme
    keys: [{ sha256: ${sha256('x').toUpperCase()} }]
    budgets: [{ limitUsd: 0.5, per: day }, { limitUsd: 100, per: month, timeZone: Europe/Berlin }]
    cache: { scope: shared, when: always, ttlSeconds: 60 }
`;
    expect(load(yaml).tenants).toMatchObject([
      {
        keys: [{ sha256: sha256('x') }],
        budgets: [
          { limitUsd: 0.5, per: 'day', timeZone: 'UTC', models: null },
          { limitUsd: 100, per: 'month', timeZone: 'Europe/Berlin', models: null },
        ],
        cache: { scope: 'shared', when: 'always', ttlSeconds: 60 },
      },
    ]);
  });
});

test('tenants that share a cache scope are told of, as what they can tell of one another', () => {
  const tenant = (id: string, cache: string): string => `{ id: ${id}, keys: [{ key: key-of-${id} }]${cache} }`;
  const shared = [tenant('one', ', cache: { scope: two }'), tenant('two', ''), tenant('three', '')];
  expect(load(`tenants: [${shared.join(', ')}]`).warnings).toContain(
    'The tenants one, two share the cache scope two: each can tell what another has asked for.',
  );
  expect(load(`tenants: [${tenant('one', '')}, ${tenant('two', '')}]`).warnings.join()).not.toContain('share');
});

describe('budgets', () => {
  it('are of keys, tenants, organisations and everything, and credit is one of them', () => {
    const config = load(`
organisations: [{ id: globex, budgets: [{ limitUsd: 500, per: month }] }]
budgets: [{ limitUsd: 1000, per: month, timeZone: Europe/Berlin }]
tenants:
  - id: acme
    organisation: globex
    creditUsd: 50
    models: [nano-banana-2]
    keys: [{ key: sk-literal, cache: always, models: [gpt-image-1], creditUsd: 5, budgets: [{ limitUsd: 1, per: day }] }]
`);
    const total = { per: 'total', timeZone: 'UTC', models: null };
    expect(config.budgets).toEqual([{ limitUsd: 1000, per: 'month', timeZone: 'Europe/Berlin', models: null }]);
    expect(config.organisations).toMatchObject([{ id: 'globex', budgets: [{ limitUsd: 500, per: 'month' }] }]);
    expect(config.tenants).toMatchObject([{ organisation: 'globex', budgets: [{ limitUsd: 50, ...total }] }]);
    expect(config.tenants[0]?.keys).toMatchObject([
      {
        cache: 'always',
        models: ['gemini-3.1-flash-image'],
        budgets: [
          { limitUsd: 1, per: 'day' },
          { limitUsd: 5, ...total },
        ],
      },
    ]);
  });

  it('are told of at 50, 80 and 100 % unless told otherwise, and a webhook’s address and secret are never printed', () => {
    expect(load('').alerts).toEqual({ thresholds: [0.5, 0.8, 1], webhook: null });
    const yaml = 'alerts: { thresholds: [1, 0.9], webhook: "https://a.example/T0K3N", webhookSecretFrom: HOOK }';
    const config = load(yaml, { GEMINI_API_KEY: 'g', HOOK: 'whsec_c2VjcmV0' });
    expect(config.alerts).toEqual({
      thresholds: [0.9, 1],
      webhook: { url: 'https://a.example/T0K3N', secret: 'whsec_c2VjcmV0' },
    });
    expect(describeConfig(config)).not.toMatch(/T0K3N|whsec/);
  });
});

describe('the proxies that are trusted', () => {
  it('are none unless named, by address or by range', () => {
    expect(load('{}').trustProxy).toEqual([]);
    const ranges = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'];
    expect(load(`trustProxy: ${JSON.stringify(ranges)}`).trustProxy).toEqual(ranges);
  });

  it.each(['10.0.0.0/33', '10.0.0/8', '2001:db8::/129', '1234', ':::'])('are none where %s stands', (range) => {
    expect(mistakes(`trustProxy: [10.0.0.0/8, "${range}"]`)).toEqual([
      `my.yaml:1 trustProxy[1]: ${range} is no IP address, and no range of them such as 10.0.0.0/8`,
    ]);
  });
});

describe('the description of a configuration', () => {
  it('shows what holds, and of keys only that there are some', () => {
    const text = describeConfig(load('tenants: [{ id: acme, keys: [{ key: sk-literal }] }]'));
    expect(text).toMatch(/^ {2}port: 8080$/m);
    expect(text).toMatch(/id: acme/);
    for (const secret of ['upstream-secret', 'sk-literal', sha256('sk-literal')]) expect(text).not.toContain(secret);
  });
});
