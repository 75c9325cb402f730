import { stringify } from 'yaml';
import type { Config } from './shape.ts';

/** The effective configuration as YAML, for people. Of a key or a webhook it shows that there is one. */
export function describeConfig(config: Config): string {
  const shown = {
    ...config,
    admin: {
      host: config.admin.host,
      port: config.admin.port,
      key: config.admin.keySha256 === null ? null : '(hidden)',
    },
    state: config.state === 'embedded' ? config.state : config.state.shown,
    cache: {
      ...config.cache,
      redis: config.cache.redis?.shown ?? null,
      s3: config.cache.s3 && {
        ...config.cache.s3,
        accessKeyId: '(hidden)',
        secretAccessKey: '(hidden)',
        sessionToken: undefined,
      },
    },
    upstreams: config.upstreams.map((upstream) => ({ ...upstream, keys: upstream.keys.map(() => '(hidden)') })),
    tenants: config.tenants.map((tenant) => ({
      ...tenant,
      keys: tenant.keys.map(({ expiresAt, ...key }) => ({
        ...key,
        sha256: '(hidden)',
        expires: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      })),
    })),
    alerts: { ...config.alerts, webhook: config.alerts.webhook === null ? null : '(hidden)' },
  };
  return stringify(shown, { lineWidth: 120, aliasDuplicateObjects: false });
}
