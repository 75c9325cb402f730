import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import { service } from '../support/services.ts';

const FLASH_KEY = 'sk-test-flash';
const POOR_KEY = 'sk-test-poor';

const withPython = service(
  'Python with the packages openai, google-genai and anthropic',
  process.env.PLANTAIN_PYTHON ?? null,
  'Name its interpreter in PLANTAIN_PYTHON; .ci/run shows how to make one.',
);

withPython('the Python SDKs against a running gateway', (python) => {
  // Processes that mostly wait for one another's gateway: side by side they take no longer than one.
  test.concurrent.each(['test_openai', 'test_genai', 'test_anthropic'])(
    '%s.py passes whole',
    async (module) => {
      const gateway = await startGateway({
        config: {
          bounds: { bodyBytes: 1 << 20 },
          tenants: [
            { id: 'acme', keys: [{ key: KEY }] },
            { id: 'flash', keys: [{ key: FLASH_KEY }], models: ['gemini-3.1-flash-image'] },
            { id: 'poor', keys: [{ key: POOR_KEY }], budgets: [{ limitUsd: 0.01, per: 'total' }] },
          ],
        },
      });
      try {
        const { PATH } = process.env;
        const { stderr } = await promisify(execFile)(python, ['-W', 'ignore', '-m', 'unittest', module], {
          cwd: join(import.meta.dirname, 'python'),
          env: {
            PATH,
            PYTHONDONTWRITEBYTECODE: '1',
            PLANTAIN_URL: gateway.url,
            PLANTAIN_SIMULATOR_URL: gateway.simulator.url,
            PLANTAIN_KEY: KEY,
            PLANTAIN_FLASH_KEY: FLASH_KEY,
            PLANTAIN_POOR_KEY: POOR_KEY,
          },
        });
        expect(stderr).toMatch(/\nRan \d+ tests in [\d.]+s\n\nOK\n$/);
      } finally {
        await gateway.close();
      }
    },
    120_000,
  );
});
