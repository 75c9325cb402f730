import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { withRedis } from '../support/redis.ts';
import { render } from './report.ts';
import { commandOf, runSoak } from './soak.ts';

const IS_LONG = process.env['PLANTAIN_TEST_LONG'] !== undefined;
const SECONDS = IS_LONG ? 240 : 20;
/** In CI always the same, so that what fails there is not the dice. */
const SEED = IS_LONG ? randomBytes(4).toString('hex') : 'plantain';
const PATIENCE_MS = SECONDS * 1000 + 240_000;

async function soaked(redis: boolean): Promise<void> {
  const options = { seed: SEED, seconds: SECONDS, concurrency: 16, redis, keep: false, say: () => undefined };
  const { report } = await runSoak(options);
  expect(report.isGood, `${commandOf(options)}\n${render(report)}`).toBe(true);
}

test('under a mixed load, faults, restarts and crashes every promise is kept', () => soaked(false), PATIENCE_MS);

withRedis('two gateways with one Redis', () => {
  test('keep every promise too, while it freezes and dies', () => soaked(true), PATIENCE_MS);
});
