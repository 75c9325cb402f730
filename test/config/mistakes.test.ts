import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inDirectory } from './in-directory.ts';

const { mistakes, refusal } = inDirectory();

const KEY = { GEMINI_API_KEY: 'upstream-secret' };

const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');

describe('a mistake', () => {
  it.each([
    ['listen:\n  port: 70000', 'my.yaml:2 listen.port: must be 0 to 65535, is 70000'],
    ['listen: { port: -1 }', 'my.yaml:1 listen.port: must be 0 to 65535, is -1'],
    ['listen: { port: "80" }', 'my.yaml:1 listen.port: must be a whole number, is "80"'],
    ['listen: { host: "http://x/" }', 'my.yaml:1 listen.host: must be an IP address or a host name, is "http://x/"'],
    ['listen: 8080', 'my.yaml:1 listen: must be a map of settings, is 8080'],
    ['listen:', 'my.yaml:1 listen: must be a map of settings, is empty'],
    ['- a', 'my.yaml:1: must be a map of settings, is a list'],
    ['listen: { port: 9464 }', 'my.yaml:1 operations.port: must not be the port of the API: 9464'],
    ['logLevel: loud', 'my.yaml:1 logLevel: must be debug, info, warn, error or silent, is "loud"'],
    [
      '\ncach: { when: never }',
      'my.yaml:2 cach: unknown setting; known here: listen, operations, admin, publicUrl, trustProxy, cors, dataDir, logLevel, state, bounds, images, cache, tasks, files, remoteImages, upstreams, models, auto, tenants, organisations, budgets, alerts, retention; did you mean cache?',
    ],
    [
      'cache: { pebbles: 1 }',
      'my.yaml:1 cache.pebbles: unknown setting; known here: store, when, ttlSeconds, staleIfErrorSeconds, onDisconnect, memoryBytes, diskBytes, redisBytes, bytes, s3Bytes',
    ],
    [
      'cache: { __proto__: 1 }',
      'my.yaml:1 cache.__proto__: unknown setting; known here: store, when, ttlSeconds, staleIfErrorSeconds, onDisconnect, memoryBytes, diskBytes, redisBytes, bytes, s3Bytes',
    ],
    [
      'cache: { store: floppy }',
      'my.yaml:1 cache.store: must be memory, disk, redis, or redis://host:6379, is "floppy"',
    ],
    [
      'state: "redis://x:s3cret@y/z"',
      'my.yaml:1 state: must be embedded, or name its database by a number: redis://host:6379/0',
    ],
    ['cache: { ttlSeconds: 0 }', 'my.yaml:1 cache.ttlSeconds: must be 1 to 315360000, is 0'],
    [
      'bounds: { bodyBytes: 2, bytesInFlight: 1 }',
      'my.yaml:1 bounds.bytesInFlight: must hold one body at least: bodyBytes is 2',
    ],
    ['publicUrl: pictures.example.com', 'my.yaml:1 publicUrl: must be an address that begins with http:// or https://'],
    [
      'images: { defaultModel: nano-bananna-2 }',
      'my.yaml:1 images.defaultModel: no model is called "nano-bananna-2"; there are names such as nano-banana-2, nano-banana-pro or gemini-3-pro-image',
    ],
    [
      'auto:\n  - { model: nano-banana-2 }\n  - { when: { tier: [4K] }, model: nano-banana-pro }',
      'my.yaml:2 auto[0]: a rule without when always holds: those after it would never be looked at',
    ],
    [
      'auto: [{ model: nano-bananna-2 }]',
      'my.yaml:1 auto[0].model: no model is called "nano-bananna-2"; there are names such as nano-banana-2, nano-banana-pro or gemini-3-pro-image',
    ],
    [
      'models: [{ id: gemini-3-pro-image, aliases: [auto] }]',
      'my.yaml:1 auto: gemini-3-pro-image has the name auto already: give it another, or write auto: []',
    ],
    [
      'models: [{ id: gemini-3-pro-image, retired: [{ name: banana-1, deprecated: 2026-01-01, ends: null }] }]',
      'my.yaml:1 models[0].retired[0].name: "banana-1" must be one of its aliases too',
    ],
    [
      'cors: { origins: ["https://app.example.com/"] }',
      'my.yaml:1 cors.origins[0]: must be "*", or scheme and host in lower case without a path, such as https://app.example.com, is "https://app.example.com/"',
    ],
  ])('in %j reads %j', (yaml, message) => {
    expect(mistakes(yaml)).toEqual([message]);
  });

  const google = 'id: google, keyFrom: GEMINI_API_KEY';
  it.each([
    ['{ id: google, keyFrom: GEMINI_API_KEY }', 'upstreams[0].baseUrl: is missing'],
    [
      '{ id: google, baseUrl: "https://g.example" }',
      'upstreams[0].keyFrom: is missing: which environment variable holds the key',
    ],
    [
      `{ ${google}, baseUrl: "ftp://g.example" }`,
      'upstreams[0].baseUrl: must be an address that begins with http:// or https://, or be "simulator:"',
    ],
    [
      `{ ${google}, baseUrl: "https://me:pw@g.example" }`,
      'upstreams[0].baseUrl: must not hold a user name or password',
    ],
    [`{ ${google}, baseUrl: "https://g.example/?key=1" }`, 'upstreams[0].baseUrl: must not hold a query or a fragment'],
    [`{ ${google}, baseUrl: "https://g.example/#" }`, 'upstreams[0].baseUrl: must not hold a query or a fragment'],
    [
      `{ ${google}, baseUrl: "https://g.example/v1beta/" }`,
      'upstreams[0].baseUrl: must not end in a version: the gateway adds /v1beta itself',
    ],
    ...['127.0.0.1', 'localhost', '[::1]'].map((host): [string, string] => [
      `{ ${google}, baseUrl: "http://${host}:8080/" }`,
      'upstreams[0].baseUrl: is where this gateway itself listens: 127.0.0.1, port 8080',
    ]),
    [
      `{ ${google}, baseUrl: "https://g.example", keysFrom: [OTHER] }`,
      'upstreams[0].keysFrom: name the keys in keyFrom or in keysFrom, not in both',
    ],
    [
      `{ ${google}, baseUrl: "https://g.example", auth: basic }`,
      'upstreams[0].auth: must be x-goog-api-key or bearer, is "basic"',
    ],
    [
      `{ ${google}, baseUrl: "https://g.example", answerWithinMs: soon }`,
      'upstreams[0].answerWithinMs: must be milliseconds: a number, or a map of numbers by tier, is "soon"',
    ],
    [
      `{ ${google}, baseUrl: "https://g.example", answerWithinMs: { 1K: 0 } }`,
      'upstreams[0].answerWithinMs["1K"]: must be 1 to 3600000, is 0',
    ],
    [
      `{ ${google}, baseUrl: "https://g.example", answerWithinMs: { 3K: 5 } }`,
      'upstreams[0].answerWithinMs["3K"]: unknown setting; known here: 512, 1K, 2K, 4K; did you mean 1K?',
    ],
    [
      `{ ${google}, baseUrl: "https://g.example", abandonAfterMs: { 512: 9, 4K: 999999 } }`,
      'upstreams[0].abandonAfterMs: must not be less than answerWithinMs: nobody waits for work that was given up (512)',
    ],
    [
      `{ ${google}, baseUrl: "https://g.example" }, { ${google}, baseUrl: "https://h.example" }`,
      'upstreams[1].id: another upstream is called google already',
    ],
  ])('in the upstream %s is told', (upstream, message) => {
    expect(mistakes(`upstreams: [${upstream}]`)).toEqual([`my.yaml:1 ${message}`]);
  });

  const target = 'upstream: google, model: x';
  it.each([
    [
      '{ id: gemini-3-pro-image, aliases: ["a*b"] }',
      'models[0].aliases[0]: must be lower-case letters, digits, ".", "_" or "-", with at most one "*", at the end, is "a*b"',
    ],
    [
      '{ id: gemini-3-pro-image, aliases: ["../x"] }',
      'models[0].aliases[0]: must be lower-case letters, digits, ".", "_" or "-", with at most one "*", at the end, is "../x"',
    ],
    [
      '{ id: gemini-3-pro-image, aliases: ["gpt-image-*"] }',
      'models[0].aliases[0]: "gpt-image-*" is a name of gemini-3.1-flash-image already; a list of aliases there without it would free it',
    ],
    [
      '{ id: gemini-3.1-flash-image, aliases: [nano-banana-pro] }',
      'models[0].aliases[0]: "nano-banana-pro" is a name of gemini-3-pro-image already; a list of aliases there without it would free it',
    ],
    [
      '{ id: gemini-3-pro-image, tiers: [512] }',
      'models[0].tiers[0]: must be 512, 1K, 2K or 4K, is 512: put it in quotes',
    ],
    [
      '{ id: gemini-3-pro-image, tiers: ["512", 1K] }',
      'models[0].imageTokens: a price by tokens needs the tokens of 512 too',
    ],
    [
      '{ id: gemini-3-pro-image, released: 2026-13-01 }',
      'models[0].released: must be a date such as 2026-05-28, is "2026-13-01"',
    ],
    [`{ id: gemini-3-pro-image, targets: [{ ${target} }] }`, 'models[0].targets[0].price: is missing'],
    [
      `{ id: gemini-3-pro-image, targets: [{ ${target}, price: {} }] }`,
      'models[0].targets[0].price: must have exactly one of perImageUsd, perMillionTokensUsd, is empty',
    ],
    [
      `{ id: gemini-3-pro-image, targets: [{ ${target}, price: { perImageUsd: 0 } }] }`,
      'models[0].targets[0].price.perImageUsd: must be 0.000001 to 10000, is 0',
    ],
    [
      `{ id: gemini-3-pro-image, targets: [{ ${target}, price: { perImageUsd: { 1K: 1 } } }] }`,
      'models[0].targets[0].price.perImageUsd: the price of 2K, 4K is missing',
    ],
    [
      `{ id: gemini-3-pro-image, targets: [{ ${target}, price: { perImageUsd: 1, ceiling: {} } }] }`,
      'models[0].targets[0].price: a ceiling belongs to perMillionTokensUsd: perImageUsd is the whole price',
    ],
    [
      `{ id: gemini-3-pro-image, targets: [{ ${target}, price: { perImageUsd: 1, perSearchUsd: 0.014 } }] }`,
      'models[0].targets[0].price: perSearchUsd belongs to perMillionTokensUsd: perImageUsd is the whole price',
    ],
    [
      `{ id: gemini-3-pro-image, targets: [{ ${target}, price: { perMillionTokensUsd: { input: 1, text: 1 } } }] }`,
      'models[0].targets[0].price.perMillionTokensUsd.image: is missing',
    ],
    [
      '{ id: gemini-3-pro-image, targets: [{ upstream: gogle, model: x, price: { perImageUsd: 1 } }] }',
      'models[0].targets[0].upstream: no upstream is called gogle; there are wisdom-gate, google',
    ],
    [
      '{ id: gemini-3-pro-image }, { id: gemini-3-pro-image }',
      'models[1].id: another entry is called gemini-3-pro-image already',
    ],
  ])('in the model %s is told', (model, message) => {
    expect(mistakes(`models: [${model}]`)).toEqual([`my.yaml:1 ${message}`]);
  });

  it('in a model that is not built in is everything it leaves out', () => {
    const names = ['ratios', 'tiers', 'maxReferences', 'inputTokenLimit', 'outputTokenLimit', 'released', 'targets'];
    expect(mistakes('models: [{ id: my-model }]')).toEqual(
      names.map((name) => `my.yaml:1 models[0].${name}: is missing: my-model is not built in`),
    );
  });

  const keys = 'keys: [{ key: sk-literal }]';
  it.each([
    ['{ id: a }', 'tenants[0].keys: is missing'],
    ['{ id: a, keys: [] }', 'tenants[0].keys: must not be empty'],
    [
      '{ id: A, keys: [{ key: sk-literal }] }',
      'tenants[0].id: must be up to 64 lower-case letters, digits, ".", "_" or "-", a letter or digit first, is "A"',
    ],
    ['{ id: a, keys: [{}] }', 'tenants[0].keys[0]: must have exactly one of key, keyFrom, sha256'],
    [
      '{ id: a, keys: [{ key: sk-literal, keyFrom: B }] }',
      'tenants[0].keys[0]: must have exactly one of key, keyFrom, sha256',
    ],
    [
      '{ id: a, keys: [{ keyFrom: ACME_KEY }] }',
      'tenants[0].keys[0].keyFrom: the environment variable ACME_KEY is not set',
    ],
    ['{ id: a, keys: [{ sha256: abc }] }', 'tenants[0].keys[0].sha256: must be 64 hexadecimal digits'],
    [
      '{ id: a, keys: [{ key: "with space" }] }',
      'tenants[0].keys[0].key: a key has no spaces, line breaks or characters beyond ASCII',
    ],
    [
      '{ id: a, keys: [{ key: sk-literal, expires: soon }] }',
      'tenants[0].keys[0].expires: must be a time such as 2027-01-31T00:00:00Z, or a date',
    ],
    [
      '{ id: a, keys: [{ key: sk-literal, expires: 2027-01-31T00:00:00 }] }',
      'tenants[0].keys[0].expires: must be a time such as 2027-01-31T00:00:00Z, or a date',
    ],
    [
      '{ id: a, keys: [{ key: sk-literal, expires: 2027-01-31 00:00:00Z }] }',
      'tenants[0].keys[0].expires: must be a time such as 2027-01-31T00:00:00Z, or a date',
    ],
    [
      '{ id: a, keys: [{ key: sk-literal, expires: 2027-01-31T24:00:00Z }] }',
      'tenants[0].keys[0].expires: must be a time such as 2027-01-31T00:00:00Z, or a date',
    ],
    [
      '{ id: a, keys: [{ key: sk-literal, expires: 5 }] }',
      'tenants[0].keys[0].expires: must be a time such as 2027-01-31T00:00:00Z, or a date',
    ],
    ...['2027-02-30', '2027-00-10', '2027-13-01T00:00:00Z'].map((expires) => [
      `{ id: a, keys: [{ key: sk-literal, expires: ${expires} }] }`,
      'tenants[0].keys[0].expires: there is no such day',
    ]),
    ['{ id: a, keys: [{ key: sk-literal, revoked: "yes" }] }', 'tenants[0].keys[0].revoked: must be true or false'],
    ['{ id: a, keys: [{ revoked: true }] }', 'tenants[0].keys[0]: must have exactly one of key, keyFrom, sha256'],
    [
      '{ id: a, keys: [{ key: sk-literal, expire: 2027-01-31 }] }',
      'tenants[0].keys[0]: unknown setting; known here: key, keyFrom, sha256, revoked, expires, models, budgets, creditUsd, cache; did you mean expires?',
    ],
    [`{ id: a, ${keys} }, { id: b, ${keys} }`, 'tenants[1].keys[0]: the tenant a has this key already'],
    [
      `{ id: a, keys: [{ key: sk-literal }, { sha256: ${sha256('sk-literal').toUpperCase()} }] }`,
      'tenants[0].keys[1]: this tenant has this key already',
    ],
    [`{ id: a, ${keys} }, { id: a, keys: [{ key: sk-another }] }`, 'tenants[1].id: another tenant is called a already'],
    [
      `{ id: a, ${keys}, models: [nano-banana] }`,
      'tenants[0].models[0]: no model is called "nano-banana"; there are names such as nano-banana-2, nano-banana-pro or gemini-3-pro-image',
    ],
    [
      `{ id: a, ${keys}, budgets: [{ limitUsd: 0, per: day }] }`,
      'tenants[0].budgets[0].limitUsd: must be more than 0, is 0',
    ],
    [
      `{ id: a, ${keys}, budgets: [{ limitUsd: 1, per: week }] }`,
      'tenants[0].budgets[0].per: must be day, month or total, is "week"',
    ],
    [
      `{ id: a, ${keys}, budgets: [{ limitUsd: 1, per: day, timeZone: Mars/Olympus }] }`,
      'tenants[0].budgets[0].timeZone: "Mars/Olympus" is no time zone; write one such as UTC or Europe/Berlin',
    ],
    [
      `{ id: a, ${keys}, limits: { requestsPerMinute: 0 } }`,
      'tenants[0].limits.requestsPerMinute: must be 1 to 1000000, is 0',
    ],
    [
      `{ id: a, ${keys}, limits: { imagesPerMinute: 1.5 } }`,
      'tenants[0].limits.imagesPerMinute: must be a whole number, is 1.5',
    ],
    [
      `{ id: a, ${keys}, safety: { floor: BLOCK_NONE } }`,
      'tenants[0].safety.floor: must be BLOCK_ONLY_HIGH, BLOCK_MEDIUM_AND_ABOVE or BLOCK_LOW_AND_ABOVE, is "BLOCK_NONE"',
    ],
    [`{ id: a, ${keys}, limits: { mode: log } }`, 'tenants[0].limits.mode: must be enforce, shadow or off, is "log"'],
    [
      `{ id: a, ${keys}, limits: { requestPerMinute: 1 } }`,
      'tenants[0].limits.requestPerMinute: unknown setting; known here: requestsPerMinute, imagesPerMinute, concurrentImages, mode; did you mean requestsPerMinute?',
    ],
  ])('in the tenant %s is told', (tenant, message) => {
    expect(mistakes(`tenants: [${tenant}]`)).toEqual([`my.yaml:1 ${message}`]);
  });

  it.each([
    [
      'tenants: [{ id: a, keys: [{ key: sk-literal, models: [nano-banana-pro] }], models: [nano-banana-2] }]',
      'tenants[0].keys[0].models: the tenant a may not use gemini-3-pro-image, so none of its keys may',
    ],
    [
      'tenants: [{ id: a, keys: [{ key: sk-literal }], organisation: globex }]',
      'tenants[0].organisation: no organisation is called globex: name it under organisations',
    ],
    ['organisations: [{ id: a }, { id: a }]', 'organisations[1].id: another organisation is called a already'],
    [
      'organisations: [{ id: a, budgets: [{ limitUsd: 1, per: total }], creditUsd: 5 }]',
      'organisations[0].creditUsd: is a budget per total for all models, and there is one already: keep one',
    ],
    ['budgets: [{ limitUsd: 1, per: day, models: [nano] }]', 'budgets[0].models[0]: no model is called "nano"; .*'],
    [
      'alerts: { thresholds: [80] }',
      'alerts.thresholds[0]: must be a share of the budget, such as 0.8 for 80 %, is 80',
    ],
    [
      'alerts: { webhook: "ftp://secret-host/hook" }',
      'alerts.webhook: must be an address that begins with https:// or http://, without user name, password or fragment',
    ],
    ['alerts: { webhookSecretFrom: SECRET }', 'alerts.webhookSecretFrom: signs nothing without a webhook'],
    [
      'alerts: { webhook: "https://a.example", webhookSecretFrom: SECRET }',
      'alerts.webhookSecretFrom: the environment variable SECRET is not set',
    ],
  ])('in %j is told', (yaml, message) => {
    const told = mistakes(yaml);
    expect(told).toHaveLength(1);
    if (message.endsWith('.*')) expect(told[0]).toContain(message.slice(0, -2));
    else expect(told).toEqual([`my.yaml:1 ${message}`]);
  });

  it('is told with all the others, each at its line, whatever kind it is of', () => {
    const yaml = `
listen: { port: 70000 }
logLevel: loud
upstreams:
  - id: google
    baseUrl: ftp://g.example
    keyFrom: GEMINI_API_KEY
    colour: blue
  - id: broken
models:
  - id: gemini-3-pro-image
    targets:
      - { upstream: broken, model: x, price: { perImageUsd: 1 } }
      - { upstream: google, model: x, price: {} }
tenants:
  - { id: a, keys: [{ key: 5 }, { key: sk-literal }], budgets: [{ limitUsd: 1, per: day, timeZone: Nowhere }] }
  - 17
  - { id: b, keys: [{ key: sk-literal }], models: [nano-banana-9] }
`;
    expect(mistakes(yaml, { ...KEY, PORT: 'eighty', LOG_LEVEL: 'shout' })).toEqual([
      'my.yaml:2 listen.port: must be 0 to 65535, is 70000',
      'my.yaml:3 logLevel: must be debug, info, warn, error or silent, is "loud"',
      'my.yaml:6 upstreams[0].baseUrl: must be an address that begins with http:// or https://, or be "simulator:"',
      'my.yaml:8 upstreams[0].colour: unknown setting; known here: id, kind, baseUrl, auth, keyFrom, keysFrom, answerWithinMs, abandonAfterMs, connectMs, firstByteMs, idleMs, sizeNames, replyBytes, repeats, breaker',
      'my.yaml:9 upstreams[1].baseUrl: is missing',
      'my.yaml:14 models[0].targets[1].price: must have exactly one of perImageUsd, perMillionTokensUsd, is empty',
      'my.yaml:16 tenants[0].keys[0].key: must be text',
      'my.yaml:16 tenants[0].budgets[0].timeZone: "Nowhere" is no time zone; write one such as UTC or Europe/Berlin',
      'my.yaml:17 tenants[1]: must be a map of settings, is 17',
      'my.yaml:18 tenants[2].models[0]: no model is called "nano-banana-9"; there are names such as nano-banana-2, nano-banana-pro or gemini-3-pro-image',
      'my.yaml:18 tenants[2].keys[0]: the tenant a has this key already',
      'PORT: must be 0 to 65535, is "eighty"',
      'LOG_LEVEL: must be debug, info, warn, error or silent, is "shout"',
    ]);
  });

  it('never says a key back', () => {
    const secret = 'AIzaSyPlantedSecret-123456';
    const yaml = `
upstreams:
  - { id: a, baseUrl: "https://x:${secret}@g.example", keyFrom: "${secret}" }
  - { id: b, baseUrl: "https://g.example?key=${secret}", keysFrom: ["${secret}", 1] }
tenants:
  - { id: a, keys: ["${secret}", { key: ["${secret}"] }, { keyFrom: "${secret}" }, { sha256: "${secret}" }, { key: "${secret} x" }, { "${secret}": 1 }] }
`;
    const error = refusal(yaml, { GEMINI_API_KEY: `${secret} and more`, PUBLIC_URL: `https://x:${secret}@h` });
    expect(error.mistakes.length).toBeGreaterThan(6);
    expect(error.message).not.toContain('Planted');
  });
});
