import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { startGateway } from './support/gateway.ts';
import { service } from './support/services.ts';

const RULES = resolve(import.meta.dirname, '../config/prometheus/alerts.yaml');
const found = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0 ? 'promtool' : null;

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

const rules = (parse(readFileSync(RULES, 'utf8')) as Rules).groups.flatMap(({ rules: each }) => each);

/** What Prometheus sees of a fault that begins at once, and the alert that must stand two minutes later. */
const FAULTS: readonly { alert: string; series: Readonly<Record<string, string>>; labels: Record<string, string> }[] = [
  {
    alert: 'PlantainUpstreamErrors',
    series: {
      'plantain_upstream_requests_total{model="flash",outcome="ok"}': '0+3x8',
      'plantain_upstream_requests_total{model="flash",outcome="http_5xx"}': '0+1x8',
    },
    labels: { model: 'flash', severity: 'warning' },
  },
  {
    alert: 'PlantainBreakerOpen',
    series: { 'plantain_breaker_open{upstream="google",model="flash"}': '1+0x8' },
    labels: { upstream: 'google', model: 'flash', severity: 'page' },
  },
  {
    alert: 'PlantainUpstreamKeysResting',
    series: {
      'plantain_upstream_attempts_total{event="keys_resting",upstream="google",model="flash"}': '0+2x8',
    },
    labels: { upstream: 'google', model: 'flash', severity: 'warning' },
  },
  {
    alert: 'PlantainSlowPictures',
    series: {
      'plantain_upstream_duration_seconds_bucket{model="flash",le="60"}': '0+0x8',
      'plantain_upstream_duration_seconds_bucket{model="flash",le="90"}': '0+2x8',
      'plantain_upstream_duration_seconds_bucket{model="flash",le="+Inf"}': '0+2x8',
    },
    labels: { model: 'flash', severity: 'warning' },
  },
  { alert: 'PlantainLedgerDrift', series: { plantain_ledger_drift_usd: '0.05+0x8' }, labels: { severity: 'page' } },
  {
    alert: 'PlantainStoreDown',
    series: { 'plantain_store_up{store="redis"}': '0+0x8' },
    labels: { store: 'redis', severity: 'page' },
  },
  { alert: 'PlantainLedgerUntold', series: { plantain_ledger_untold: '3+0x8' }, labels: { severity: 'warning' } },
  {
    alert: 'PlantainHoldsExpired',
    series: { plantain_budget_expired_holds_total: '0 0 0 0 1 1 1 1 1' },
    labels: { severity: 'warning' },
  },
  ...[
    { alert: 'PlantainBudgetNearlySpent', spent: 70, severity: 'info' },
    { alert: 'PlantainBudgetSpent', spent: 85, severity: 'warning' },
  ].map(({ alert, spent, severity }) => {
    const labels = { level: 'tenant', owner: 'acme', per: 'month', time_zone: 'UTC', models: '' };
    const of = `{level="tenant",owner="acme",per="month",time_zone="UTC",models=""}`;
    return {
      alert,
      series: {
        [`plantain_budget_limit_usd${of}`]: '100+0x8',
        [`plantain_budget_spent_usd${of}`]: `${spent}+0x8`,
        [`plantain_budget_held_usd${of}`]: '15+0x8',
      },
      labels: { level: labels.level, owner: labels.owner, per: labels.per, time_zone: labels.time_zone, severity },
    };
  }),
  { alert: 'PlantainKeyPaused', series: { plantain_keys_paused: '1+0x8' }, labels: { severity: 'warning' } },
  {
    alert: 'PlantainCacheTrouble',
    series: { 'plantain_store_op_duration_seconds_count{store="disk",op="get",outcome="error"}': '0+5x8' },
    labels: { store: 'disk', severity: 'warning' },
  },
  {
    alert: 'PlantainConfigRefused',
    series: { plantain_config_last_reload_successful: '0+0x8' },
    labels: { severity: 'warning' },
  },
  {
    alert: 'PlantainShedding',
    series: { 'plantain_queue_events_total{model="flash",event="late"}': '0+2x8' },
    labels: { model: 'flash', severity: 'warning' },
  },
  {
    alert: 'PlantainConnectionsDropped',
    series: { plantain_connections_dropped_total: '0+9x8' },
    labels: { severity: 'warning' },
  },
  {
    alert: 'PlantainStaleServed',
    series: { 'plantain_stale_served_total{model="flash",failure="upstream_busy"}': '0+1x8' },
    labels: { model: 'flash', severity: 'warning' },
  },
];

service(
  'promtool',
  found,
  'On Debian: apt-get install prometheus.',
)('the alerts', (promtool) => {
  /** promtool's own unit test of one alert: it stands after two minutes, or does not. */
  function promtoolTest(
    alert: string,
    series: Readonly<Record<string, string>>,
    labels: Record<string, string> | null,
  ) {
    const directory = mkdtempSync(join(tmpdir(), 'plantain-alerts-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'test.yml');
    const rule = { eval_time: '2m', alertname: alert, exp_alerts: labels === null ? [] : [{ exp_labels: labels }] };
    const input = Object.entries(series).map(([name, values]) => ({ series: name, values }));
    const tests = [{ interval: '15s', input_series: input, alert_rule_test: [rule] }];
    // Of what an alert says to people nothing is compared.
    const bare = { groups: [{ name: 'bare', rules: rules.map(({ ...each }) => ({ ...each, annotations: {} })) }] };
    writeFileSync(join(directory, 'rules.yml'), JSON.stringify(bare));
    writeFileSync(file, JSON.stringify({ rule_files: ['rules.yml'], evaluation_interval: '15s', tests }));
    const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', file], { encoding: 'utf8' });
    return { status, said: stdout + stderr };
  }

  test('are rules that Prometheus takes', () => {
    const said = execFileSync(promtool, ['check', 'rules', RULES], { encoding: 'utf8' });
    expect(said).toContain(`${rules.length} rules found`);
  });

  test.each(FAULTS)('$alert stands two minutes after its fault, and not without it', ({ alert, series, labels }) => {
    expect(promtoolTest(alert, series, labels)).toMatchObject({ status: 0 });
    const well = Object.fromEntries(
      Object.keys(series).map((name) => [
        name,
        /^plantain_(store_up|config_last_reload_successful)/.test(name) ? '1+0x8' : '0+0x8',
      ]),
    );
    expect(promtoolTest(alert, well, null)).toMatchObject({ status: 0 });
  });

  test('each has its fault here, and none asks for a series that the gateway does not have', async () => {
    expect(rules.map(({ alert }) => alert)).toEqual(FAULTS.map(({ alert }) => alert));
    const gateway = await startGateway();
    onTestFinished(gateway.close);
    const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    for (const { expr } of rules)
      for (const [name] of expr.matchAll(/plantain_[a-z_]+/g))
        expect(metrics).toContain(`# TYPE ${name.replace(/_(bucket|count)$/, '')} `);
  });
});
