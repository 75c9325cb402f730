import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|js)$/.test(name))
  .map((name) => ({ name, text: readFileSync(join(SRC, name), 'utf8') }));
const importsOf = (text: string): string[] =>
  [...text.matchAll(/(?:from\s+|import\s*\(?\s*|new URL\()'([^']+)'/g)].map((found) => found[1]!);
/** What is loaded for it, and not only described by it. */
const loadsOf = (text: string): string[] => importsOf(text.replaceAll(/^(?:import|export) type [^;]*;/gm, ''));

/** The source of config/plantain.schema.json, which is read in its stead: the process takes types from here, nothing else. */
const NEVER_LOADED = /^config\/schema(\/|\.ts$)/;

/** What each room of the house may use, besides itself. Whoever is not named may be used by the process alone. */
const MAY_USE = {
  wire: [],
  errors: [],
  // The one client of a store that several rooms may share; made by the process, and passed in.
  redis: ['errors'],
  sqlite: [],
  image: ['wire', 'errors'],
  dialects: ['image', 'wire', 'errors'],
  cache: ['image', 'wire', 'errors', 'redis', 'sqlite'],
  tenants: ['image', 'wire', 'errors', 'redis', 'sqlite'],
  tasks: ['wire', 'errors'],
  files: ['image', 'wire', 'errors'],
  upstreams: ['image', 'wire', 'errors'],
  remote: ['image', 'wire', 'errors'],
  simulator: ['image', 'wire'],
  config: ['image', 'wire', 'errors', 'redis'],
  log: ['errors'],
  metrics: ['errors'],
  draw: ['dialects', 'cache', 'tenants', 'upstreams', 'image', 'wire', 'errors', 'log', 'metrics'],
  gateway: [
    'draw',
    'dialects',
    'cache',
    'files',
    'tenants',
    'upstreams',
    'remote',
    'image',
    'wire',
    'errors',
    'log',
    'metrics',
  ],
  http: ['gateway', 'dialects', 'cache', 'tasks', 'files', 'tenants', 'image', 'wire', 'errors', 'log', 'metrics'],
} as const satisfies Record<string, readonly string[]>;
const PROCESS = ['app', 'banner', 'cli', 'launch', 'main', 'plantain', 'start'];

/** Each foreign package has one owner: a file, or a folder that is about nothing else. */
const OWNERS: Record<string, RegExp> = {
  '@fastify/rate-limit': /^http\/rate-limit\.ts$/,
  '@keyv/redis': /^cache\/redis-cards\.ts$/,
  '@redis/client': /^redis\/connection\.ts$/,
  aws4fetch: /^cache\/s3-bytes\.ts$/,
  ajv: /^config\//,
  'close-with-grace': /^main\.ts$/,
  fastify: /^http\//,
  // The shelf asks every store through it; the shared one keeps its heads in whatever it has an adapter for.
  keyv: /^cache\/(shelf|redis-cards|redis-options)\.ts$/,
  'lru-cache': /^cache\/texts\.ts$/,
  'node:sqlite': /^sqlite\.ts$/,
  pino: /^log\.ts$/,
  'prom-client': /^metrics\.ts$/,
  // One converts pictures, one puts them together, and they take turns.
  sharp: /^image\/(rendition|composition)\.ts$/,
  typebox: /^config\/schema(\/|\.ts)/,
  // Each of them speaks HTTP to somebody else, with deadlines of its own.
  undici: /^(upstreams\/(client|connections|webhook)|cache\/s3-bytes|remote\/fetch)\.ts$/,
  yaml: /^config\/(source|describe)\.ts$/,
};

/** The package of what is imported: its scope belongs to its name. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const roomOf = (name: string): string => name.replace(/\.(ts|js)$/, '').split('/')[0]!;

describe('the house', () => {
  test.each(files.filter(({ name }) => !PROCESS.includes(roomOf(name))))(
    '$name imports only what its room may use',
    ({ name, text }) => {
      const room = roomOf(name);
      const allowed: readonly string[] = Object.entries(MAY_USE).find(([each]) => each === room)?.[1] ?? [];
      expect(Object.keys(MAY_USE)).toContain(room);
      for (const specifier of importsOf(text).filter((each) => /^\..*\.(ts|js)$/.test(each))) {
        const used = roomOf(relative(SRC, join(SRC, dirname(name), specifier)));
        if (used !== room) expect(allowed, `${name} imports ${specifier}`).toContain(used);
      }
    },
  );

  test('dialects do not know one another', () => {
    for (const { name, text } of files.filter((each) => /^dialects\/.+\//.test(each.name)))
      for (const specifier of importsOf(text).filter((each) => each.startsWith('../')))
        // What lies beside their folders, such as the envelope of all of OpenAI's paths, is for all of them.
        expect(specifier, `${name} imports ${specifier}`).toMatch(/^\.\.\/(\.\.\/|[\w-]+\.ts$)/);
  });

  test('every foreign package has one owner; those that are loaded are dependencies, those that only describe are not', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
      devDependencies: Record<string, string>;
    };
    const loaded = new Set<string>();
    const described = new Set<string>();
    for (const { name, text } of files)
      for (const specifier of importsOf(text).filter((each) => !each.startsWith('.'))) {
        const foreign = specifier.startsWith('node:') ? specifier : packageOf(specifier);
        if (foreign.startsWith('node:') && foreign !== 'node:sqlite') continue;
        expect(OWNERS[foreign], `${name} imports ${specifier}, which nobody owns`).toBeDefined();
        expect(name, `${specifier} has another owner`).toMatch(OWNERS[foreign]!);
        if (foreign.startsWith('node:')) continue;
        if (!NEVER_LOADED.test(name) && loadsOf(text).includes(specifier)) loaded.add(foreign);
        else described.add(foreign);
      }
    expect([...loaded].sort()).toEqual(Object.keys(dependencies).sort());
    for (const each of described) if (!loaded.has(each)) expect(Object.keys(devDependencies)).toContain(each);
  });

  test('the source of the configuration’s schema is never loaded', () => {
    expect(files.filter(({ name }) => NEVER_LOADED.test(name))).not.toEqual([]);
    for (const { name, text } of files.filter((each) => !NEVER_LOADED.test(each.name)))
      for (const specifier of loadsOf(text).filter((each) => each.startsWith('.')))
        expect(relative(SRC, join(SRC, dirname(name), specifier)), name).not.toMatch(NEVER_LOADED);
  });

  test('only the process reads the environment', () => {
    for (const { name, text } of files)
      if (!PROCESS.includes(roomOf(name)) && name !== 'simulator/main.ts')
        expect(text, name).not.toMatch(/process\.(env|argv|exit\b|exitCode)/);
  });

  test('no file makes its reader scroll for the point', () => {
    for (const { name, text } of files) expect(text.split('\n').length, name).toBeLessThanOrEqual(320);
  });

  test('src/README.md names every room and every file at the top', () => {
    const map = readFileSync(join(SRC, 'README.md'), 'utf8');
    for (const name of new Set(files.map((each) => each.name.split('/')[0]!))) expect(map).toContain(name);
  });
});
