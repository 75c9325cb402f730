import { expect, test } from 'vitest';
import { banner } from '../../src/banner.ts';
import { describeConfig } from '../../src/config.ts';
import { inDirectory } from './in-directory.ts';

const { load } = inDirectory();
const KEY = { GEMINI_API_KEY: 'g' };
const AWS = { AWS_ACCESS_KEY_ID: 'AKIASOMETHING', AWS_SECRET_ACCESS_KEY: 'aws-s3cret/+' };
const shownOf = (yaml: string, environment: Record<string, string>): string | undefined =>
  load(yaml, { ...KEY, ...environment }).cache.redis?.shown;

test('store: redis is at REDIS_CACHE_URL, else where the file says, else where the budgets are', () => {
  const state = 'state: redis://budgets:6379\n';
  expect(shownOf('cache: { store: redis }', { REDIS_CACHE_URL: 'redis://cache:6379' })).toBe('redis://cache:6379');
  expect(shownOf('cache: { store: "redis://:s3cret@file:6379/1" }', {})).toBe('redis://:***@file:6379/1');
  const both = { REDIS_CACHE_URL: 'redis://cache:6379' };
  expect(shownOf('cache: { store: "redis://file:6379" }', both)).toBe('redis://cache:6379');
  expect(shownOf(`${state}cache: { store: redis }`, {})).toBe('redis://budgets:6379');
  expect(shownOf('cache: { store: disk }', both)).toBeUndefined();
});

test('a cache in the Redis of the budgets is warned of, one beside it is not', () => {
  const shared = load('state: redis://one:6379\ncache: { store: redis }', KEY);
  expect(shared.warnings.join()).toMatch(/REDIS_CACHE_URL/);
  expect(load('state: redis://one:6379\ncache: { store: "redis://two:6379" }', KEY).warnings.join()).not.toMatch(
    /Redis/,
  );
});

test.each([
  ['cache: { store: redis }', {}, /cache\.store: needs the address of a Redis: set REDIS_CACHE_URL/],
  ['cache: { store: "redis://s3cret@host" }', {}, /cache\.store: must name a password/],
  ['cache: { store: "http://a:s3cret@b" }', {}, /cache\.store: must be memory, disk, redis, or redis:\/\/host:6379$/m],
  ['cache: { store: redis }', { REDIS_CACHE_URL: 's3cret' }, /REDIS_CACHE_URL: must be redis:\/\/host:6379/],
  ['cache: { bytes: "s3://pictures" }', AWS, /cache\.bytes: goes with store: redis, and the store is disk/],
  ['cache: { store: "redis://h", bytes: "pictures" }', AWS, /cache\.bytes: must be s3:\/\/bucket/],
  ['cache: { store: "redis://h", bytes: "s3://pictures" }', {}, /AWS_ACCESS_KEY_ID: is missing: cache\.bytes needs it/],
  ['cache: { store: "redis://h", bytes: "s3://pictures" }', {}, /AWS_SECRET_ACCESS_KEY: is missing/],
  [
    'cache: { store: "redis://h", bytes: "s3://pictures" }',
    { ...AWS, S3_ENDPOINT: 'minio:9000' },
    /S3_ENDPOINT: must be/,
  ],
])('%s with %o is refused, and nothing secret is said', (yaml, environment, message) => {
  const work = (): unknown => load(yaml, { ...KEY, ...(environment as Record<string, string>) });
  expect(work).toThrow(message);
  expect(work).not.toThrow(/s3cret/);
});

test.each([
  ['s3://pictures', {}, { url: 'https://pictures.s3.us-east-1.amazonaws.com', prefix: '' }],
  [
    's3://my.pictures/a',
    { AWS_REGION: 'eu-west-1' },
    { url: 'https://s3.eu-west-1.amazonaws.com/my.pictures', prefix: 'a/' },
  ],
  ['s3://pictures/a/b/', { S3_ENDPOINT: 'http://minio:9000/' }, { url: 'http://minio:9000/pictures', prefix: 'a/b/' }],
  ['s3://pictures', { AWS_SESSION_TOKEN: 't' }, { sessionToken: 't' }],
])('cache.bytes %s with %o', (bytes, environment, expected) => {
  const yaml = `cache: { store: "redis://h", bytes: "${bytes}" }`;
  const config = load(yaml, { ...KEY, ...AWS, ...(environment as Record<string, string>) });
  expect(config.cache.s3).toMatchObject(expected);
  expect(describeConfig(config)).not.toMatch(/s3cret|AKIASOMETHING/);
});

test('the start says where pictures are shared, and no password', () => {
  const config = load('cache: { store: "redis://:s3cret@h", bytes: "s3://pictures/x" }', { ...KEY, ...AWS });
  const urls = { apiUrl: 'http://a', operationsUrl: 'http://b', adminUrl: null, firstKey: null };
  expect(banner(config, urls)).toMatch(
    /^Cached pictures: shared through redis:\/\/:\*\*\*@h, their bytes in s3:\/\/pictures\/x\.$/m,
  );
  expect(banner(config, urls)).not.toContain('s3cret');
});
