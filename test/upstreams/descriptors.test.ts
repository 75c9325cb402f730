import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const urlOf = (file: string): string => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);

/** A process that has used up its descriptors, and then asks a vendor for a picture. */
const SCRIPT = `
  import { openSync } from 'node:fs';
  const { createUpstream } = await import(${urlOf('upstreams/client.ts')});
  const { splice } = await import(${urlOf('wire/json.ts')});
  const base = { id: 'vendor', baseUrl: 'http://127.0.0.1:1', auth: 'bearer', keys: ['key-of-vendor'], replyBytes: 1e6, via: 'plantain-test',
    deadlines: { connectMs: 5000, firstByteMs: null, idleMs: 30000 } };
  const upstream = createUpstream(base);
  const options = { abandonAfterMs: 5000, key: 'key-of-vendor', admit: async () => () => {}, keep: (bytes) => bytes };
  // What is loaded at the first call needs descriptors of its own.
  await upstream.generate('flash', splice({}), options);
  try { for (;;) openSync('/dev/null'); } catch {}
  const { kind, error } = await upstream.generate('flash', splice({}), options);
  process.stdout.write(JSON.stringify({ kind, code: error.cause.code }));
  process.exit(0);`;

test('a call for which there is no descriptor was never sent, and costs nothing', async () => {
  const line = `ulimit -n 100; exec "$0" --input-type=module --eval "$1"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', line, process.execPath, SCRIPT]);
  expect(JSON.parse(stdout)).toEqual({ kind: 'not_sent', code: 'EMFILE' });
});
