import { stringify } from 'yaml';
import type { Config } from './shape.ts';

/** The effective configuration as YAML, for people. Of a key it shows that there is one. */
export function describeConfig(config: Config): string {
  const shown = {
    ...config,
    upstreams: config.upstreams.map((upstream) => ({ ...upstream, keys: upstream.keys.map(() => '(hidden)') })),
    tenants: config.tenants.map((tenant) => ({
      ...tenant,
      keys: tenant.keys.map(({ id, revoked, expiresAt }) => ({
        id,
        sha256: '(hidden)',
        revoked,
        expires: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      })),
    })),
  };
  return stringify(shown, { lineWidth: 120, aliasDuplicateObjects: false });
}
