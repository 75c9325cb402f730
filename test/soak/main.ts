import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { render } from './report.ts';
import { commandOf, runSoak } from './soak.ts';

const USAGE = `A mixed load against the gateway, whose vendor misbehaves, and which is restarted and killed on the way; then all is checked.

  npm run soak -- [--seconds 30] [--seed WORD] [--concurrency 24] [--redis] [--json FILE] [--requests FILE] [--keep]

  --seconds      how long requests are made; some more pass until all is at rest
  --seed         the same word makes the same requests, faults and events; only their timing differs
  --concurrency  requests at one time
  --redis        two gateways that share a Redis, which is frozen and killed too; needs redis-server
  --json         where the whole report is written to
  --requests     where what became of each request is written to, a line of JSON for each
  --keep         leaves ledgers, pictures and logs where they are, and says where

Exit code 1: a check failed, and the last lines say how to run it again.
`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    concurrency: { type: 'string', default: '24' },
    redis: { type: 'boolean', default: false },
    json: { type: 'string' },
    requests: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else {
  const whole = (name: string, text: string, most: number): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < 1 || value > most)
      throw new RangeError(`--${name} is a whole number from 1 to ${most}, not ${text}`);
    return value;
  };
  if (!/^[\w.-]{1,40}$/.test(values.seed))
    throw new RangeError('--seed is a word of letters, digits, "_", "." and "-"');
  const options = {
    seed: values.seed,
    seconds: whole('seconds', values.seconds, 86_400),
    concurrency: whole('concurrency', values.concurrency, 200),
    redis: values.redis,
    keep: values.keep,
    say: (line: string) => void process.stdout.write(`${line}\n`),
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      options.say(`ended by ${signal} before its end: nothing is checked`);
      process.exit(130);
    });
  options.say(`seed ${options.seed}: ${commandOf(options)}`);
  // What hangs has failed: nothing at its end takes so long.
  setTimeout(() => process.exit(3), options.seconds * 1000 + 600_000).unref();
  const { report, told } = await runSoak(options);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (values.requests !== undefined)
    writeFileSync(values.requests, told.map((each) => `${JSON.stringify(each)}\n`).join(''));
  process.stdout.write(`\n${render(report)}`);
  process.exitCode = report.isGood ? 0 : 1;
}
