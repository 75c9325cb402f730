import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { talk } from '../support/raw.ts';
import { scraped } from '../support/scrape.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ simulator: { signatureBytes: 64 }, upstream: { answerWithinMs: 100 } });
});
afterAll(() => gateway.close());

test.each(['/livez', '/readyz', '/healthz'])('%s is on both ports and needs no key', async (path) => {
  for (const url of [gateway.url, gateway.operationsUrl]) {
    const reply = await fetch(url + path);
    expect([reply.status, await reply.json()]).toEqual([200, { status: 'ok' }]);
  }
});

test('metrics are on the operations port alone, in the format Prometheus asks for', async () => {
  const metrics = await fetch(`${gateway.operationsUrl}/metrics`);
  expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await metrics.text()).toMatch(/^# HELP plantain_/m);
  expect((await fetch(`${gateway.url}/metrics`)).status).toBe(404);
});

test('pictures are not on the operations port, and what is not there is said without a stack', async () => {
  const asked = await fetch(`${gateway.operationsUrl}/v1/images/generations`, { method: 'POST', body: '{}' });
  expect(asked.status).toBe(404);
  const unreadable = await fetch(`${gateway.operationsUrl}/%zz`);
  expect(unreadable.status).toBe(400);
  for (const body of [await asked.text(), await unreadable.text()])
    expect(body).not.toMatch(/node_modules|\bat \w+ \(/);
  expect(await talk(gateway.operationsUrl, 'GARBAGE\r\n\r\n')).toMatchObject([{ status: 400 }]);
});

test('a body is counted as held until its picture is drawn, though its caller was told to come back', async () => {
  const land = keepAloft(gateway.simulator);
  const held = (): Promise<number> => scraped(gateway, 'plantain_bytes_in_flight');
  const reply = await gateway.post('/v1/images/generations', { prompt: 'x'.repeat(20_000), image_size: '512' });
  expect(reply.status).toBe(504);
  expect(await held()).toBeGreaterThan(20_000);
  land();
  await expect.poll(held).toBe(0);
});
