import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface Locked {
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

const ROOT = join(import.meta.dirname, '..');
const read = (name: string): unknown => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
const { packages } = read('package-lock.json') as { readonly packages: Readonly<Record<string, Locked>> };
const { dependencies, devDependencies } = read('package.json') as Readonly<Record<string, Record<string, string>>>;
const installed = Object.entries(packages).filter(([path]) => path !== '');

// A registry that was taken over has more than once served what no lockfile named, and run it while it was installed.

test('what is installed is named to the byte, and comes from npm’s registry', () => {
  expect(installed.length).toBeGreaterThan(50);
  for (const [path, { integrity, resolved }] of installed) {
    expect(integrity, path).toMatch(/^sha512-/);
    // Without an address it is asked for from the registry in use.
    if (resolved !== undefined) expect(resolved, path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
  }
});

test('nothing that the gateway needs runs while it is installed', () => {
  const scripted = installed.filter(([, { dev, hasInstallScript }]) => dev !== true && hasInstallScript === true);
  expect(scripted.map(([path]) => path)).toEqual([]);
});

test('every version is one version', () => {
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    expect(version, name).toMatch(/^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+$/);
});
