import { secretNames } from './environment.ts';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import type { ConfigFile } from './schema.ts';
import type { AlertsConfig } from './shape.ts';

export function readAlerts(file: ConfigFile['alerts'], readSecret: ReadSecret, report: Report): AlertsConfig {
  const thresholds = file.thresholds.toSorted((a, b) => a - b);
  const { webhook, webhookSecretFrom } = file;
  const mistake = (name: string, message: string): void => report.mistake(['alerts', name], message);
  if (webhook === undefined) {
    if (webhookSecretFrom !== undefined) mistake('webhookSecretFrom', 'signs nothing without a webhook');
    return { thresholds, webhook: null };
  }
  const url = URL.canParse(webhook) ? new URL(webhook) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.hash !== '')
    mistake(
      'webhook',
      'must be an address that begins with https:// or http://, without user name, password or fragment',
    );
  if (webhookSecretFrom === undefined) return { thresholds, webhook: { url: webhook, secret: null } };
  const secret = readSecret(webhookSecretFrom);
  if (secret === 'missing')
    mistake('webhookSecretFrom', `the environment variable ${secretNames(webhookSecretFrom)} is not set`);
  return { thresholds, webhook: { url: webhook, secret: typeof secret === 'string' ? null : secret.value } };
}
