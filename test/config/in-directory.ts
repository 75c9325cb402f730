import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';

type Variables = Readonly<Record<string, string>>;

const KEY = { GEMINI_API_KEY: 'upstream-secret' };

/** A directory for the tests of one file, and the gateway's configuration read in it: `my.yaml`, or null for none named. */
export function inDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-config-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  function load(yaml: string | null, environment: Variables = KEY): Config {
    if (yaml !== null) writeFileSync(join(directory, 'my.yaml'), yaml);
    return loadConfig({ file: yaml === null ? null : 'my.yaml', environment, workingDirectory: directory });
  }

  function refusal(yaml: string | null, environment: Variables = KEY): ConfigError {
    try {
      load(yaml, environment);
    } catch (error) {
      if (error instanceof ConfigError) return error;
      throw error;
    }
    throw new Error('the configuration was accepted');
  }

  const mistakes = (yaml: string | null, environment: Variables = KEY): string[] =>
    refusal(yaml, environment).message.split('\n');

  return { directory, load, refusal, mistakes };
}
