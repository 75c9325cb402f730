import { createHash } from 'node:crypto';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import type { ConfigFile } from './schema.ts';
import type { AdminConfig, TenantConfig } from './shape.ts';

const VARIABLE = 'PLANTAIN_ADMIN_KEY';
/** Whoever has it makes keys that spend: it is not to be guessed. */
const LEAST_LENGTH = 16;

/** Where the admin API listens, and the digest of the key it wants. Without a key its port stays closed. */
export function readAdmin(
  { admin, listen, operations }: Pick<ConfigFile, 'admin' | 'listen' | 'operations'>,
  tenants: readonly TenantConfig[],
  readSecret: ReadSecret,
  report: Report,
): AdminConfig {
  const secret = readSecret(VARIABLE);
  if (typeof secret === 'string') return { ...admin, keySha256: null };
  if (secret.value.length < LEAST_LENGTH)
    report.mistakeOfVariable(
      VARIABLE,
      `must have at least ${LEAST_LENGTH} characters: make one with "openssl rand -hex 32"`,
    );
  const keySha256 = createHash('sha256').update(secret.value).digest('hex');
  if (tenants.some(({ keys }) => keys.some(({ sha256 }) => sha256 === keySha256)))
    report.mistakeOfVariable(VARIABLE, 'is the key of a tenant too: give the admin API a key of its own');
  for (const [name, { port }] of Object.entries({ API: listen, 'operations port': operations }))
    if (port === admin.port && port !== 0)
      report.mistake(['admin', 'port'], `must not be the port of the ${name}: ${port}`);
  return { ...admin, keySha256 };
}
