import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway } from './support/gateway.ts';
import type { TestGateway } from './support/gateway.ts';
import { freePort } from './support/ports.ts';
import { service } from './support/services.ts';

const installed = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
const found = installed('prometheus') && installed('promtool') ? 'prometheus' : null;

service(
  'Prometheus',
  found,
  'On Debian: apt-get install prometheus.',
)('a real Prometheus', (prometheus) => {
  let gateway: TestGateway;
  let directory: string;
  let server: ChildProcess;
  let address: string;

  beforeAll(async () => {
    gateway = await startGateway();
    directory = mkdtempSync(join(tmpdir(), 'plantain-prometheus-'));
    address = `127.0.0.1:${await freePort()}`;
    const target = gateway.operationsUrl.replace('http://', '');
    const scrape = { job_name: 'plantain', scrape_interval: '1s', static_configs: [{ targets: [target] }] };
    const file = join(directory, 'prometheus.yml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ scrape_configs: [{ ...scrape, scrape_timeout: '1s' }] }));
    const data = `--storage.tsdb.path=${join(directory, 'data')}`;
    server = spawn(prometheus, [`--config.file=${file}`, data, `--web.listen-address=${address}`], { stdio: 'ignore' });
  });
  afterAll(async () => {
    server.kill('SIGKILL');
    await gateway.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const ask = async (query: string): Promise<number | null> => {
    const reply = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => null);
    if (reply === null || !reply.ok) return null;
    const { data } = (await reply.json()) as { data: { result: { value: [number, string] }[] } };
    return data.result[0] === undefined ? null : Number(data.result[0].value[1]);
  };
  const until = async (query: string, wanted: number): Promise<void> => {
    for (let tries = 0; tries < 160; tries += 1) {
      if ((await ask(query)) === wanted) return;
      await setTimeout(250);
    }
    expect(await ask(query), query).toBe(wanted);
  };

  test('promtool finds nothing to complain about', async () => {
    await gateway.post('/v1/images/generations', { prompt: 'linted', seed: 1 });
    const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    expect(execFileSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' })).toBe('');
  });

  test('it scrapes the gateway and counts what callers did', async () => {
    for (let round = 0; round < 2; round += 1)
      await gateway.post('/v1/images/generations', { prompt: 'scraped', seed: 1 });
    await until('up{job="plantain"}', 1);
    await until('sum(plantain_cache_requests_total{result="hit"})', 1);
    await until('sum(plantain_http_request_duration_seconds_count{outcome="cached"})', 1);
    await until('plantain_simulator', 0);
  });
});
