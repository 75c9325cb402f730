import { parseRedisAddress } from '../redis/address.ts';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import type { Config } from './shape.ts';

/** The environment's REDIS_URL stands over the file. An address may hold a password: no mistake repeats it. */
export function readState(written: string, readSecret: ReadSecret, report: Report): Config['state'] {
  const variable = readSecret('REDIS_URL');
  if (typeof variable === 'object') report.overridden(['state'], 'REDIS_URL');
  const text = typeof variable === 'object' ? variable.value : written;
  if (text === 'embedded') return 'embedded';
  const address = parseRedisAddress(text);
  if ('url' in address) return address;
  report.mistake(
    ['state'],
    typeof variable === 'object' ? address.problem : `must be embedded, or ${address.problem.replace(/^must /, '')}`,
  );
  return 'embedded';
}
