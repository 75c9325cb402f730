import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MB, pngOf, replyWith } from '../support/big-picture.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { keepAloft } from '../support/pause.ts';
import { collected, LATER, taskOf, whenIn } from '../support/tasks.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const HOUR = 3_600_000;

let offset = 0;
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    // What is kept for conversations outlives a task: here only the task's own is looked for.
    config: { tasks: { bytesPerTenant: 13 * MB }, retention: { signatureDays: 0 } },
    now: () => Date.now() + offset,
  });
});
afterAll(() => gateway.close());
let prompt = '';
beforeEach(({ task }) => {
  prompt = task.name;
  gateway.simulator.settings.latencyMs = 300;
});

async function begin(over: object = {}): Promise<Response> {
  return gateway.post(IMAGES, { prompt, image_size: '512', ...over }, LATER);
}
const get = (location: string): Promise<Response> =>
  fetch(gateway.url + location, { headers: { authorization: `Bearer ${KEY}` } });
const locationOf = (reply: Response): string => reply.headers.get('location') ?? '';

test('an answer waits an hour from its end, whatever the cache keeps, and is then like one that never was', async () => {
  const location = locationOf(await begin());
  const { expires_at: until, completed_at: ended } = await taskOf(await whenIn(gateway, location));
  expect(until - (ended ?? 0)).toBe(3600);
  offset += HOUR - 60_000;
  expect((await collected(gateway, location)).data).toHaveLength(1);
  offset += 120_000;
  const gone = await get(location);
  expect(gone.status).toBe(404);
  const never = await get(location.replace(/.{6}$/, 'AAAAAA'));
  expect(await gone.json()).toEqual(await never.json());
});

test('an answer that was purged says so, and so does its status', async () => {
  const location = locationOf(await begin());
  await whenIn(gateway, location);
  await gateway.cache.purge({ model: 'gemini-3.1-flash-image' });
  const task = await taskOf(await get(location));
  expect(task.response).toBeNull();
  expect(task).toMatchObject({ status: 'failed', status_code: 503, error: { code: 'result_gone' } });
});

test('answers of a tenant are bounded in bytes, with those to come; deleting them makes room', async () => {
  const land = keepAloft(gateway.simulator);
  const begun = [await begin(), await begin(), await begin()];
  expect(begun.map(({ status }) => status)).toEqual([202, 202, 202]);
  const refused = await begin();
  expect(refused.status).toBe(429);
  expect((await bodyOf<OpenAIError>(refused)).error.message).toContain('DELETE the tasks whose answers you have');
  land();
  for (const each of begun) await whenIn(gateway, locationOf(each));
  // What they weigh is known now: it is less than was taken for granted.
  const next = await begin();
  expect(next.status).toBe(202);
  await whenIn(gateway, locationOf(next));
  for (const each of [...begun, next]) {
    const headers = { authorization: `Bearer ${KEY}` };
    expect((await fetch(gateway.url + locationOf(each), { method: 'DELETE', headers })).status).toBe(200);
  }
});

test('an answer that could not be kept until it is collected is not begun, and costs nothing', async () => {
  const full = await startGateway({
    simulator: { signatureBytes: 64 },
    config: { cache: { store: 'memory', memoryBytes: 16 * MB + 200_000 } },
  });
  try {
    const ask = async (number: number): Promise<Response> =>
      full.post(IMAGES, { prompt: `${prompt} ${number}`, image_size: '512' }, LATER);
    const begun: string[] = [];
    let reply = await ask(0);
    for (let number = 1; reply.status === 202 && number < 100; number += 1) {
      begun.push(locationOf(reply));
      await whenIn(full, locationOf(reply));
      reply = await ask(number);
    }
    expect([reply.status, reply.headers.get('x-should-retry')]).toEqual([503, 'false']);
    expect((await bodyOf<OpenAIError>(reply)).error).toMatchObject({ code: 'no_room_for_tasks', param: 'Prefer' });
    expect(full.simulator.calls).toHaveLength(begun.length);
    // What was promised before is kept.
    for (const location of begun) expect((await collected(full, location)).data).toHaveLength(1);
  } finally {
    await full.close();
  }
});

test('no prompt is in any file that tasks leave behind, nor a picture after its answer was deleted', async () => {
  const location = locationOf(await begin());
  const { data } = await collected(gateway, location);
  const picture = Buffer.from(data[0]!.b64_json, 'base64');
  const digest = createHash('sha256').update(picture).digest('hex');
  const files = (): readonly string[] =>
    readdirSync(gateway.directory, { recursive: true, encoding: 'utf8' })
      .map((name) => join(gateway.directory, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
  expect(files().some((path) => path.endsWith(digest))).toBe(true);
  expect(files().filter((path) => readFileSync(path).includes(prompt))).toEqual([]);
  await fetch(gateway.url + location, { method: 'DELETE', headers: { authorization: `Bearer ${KEY}` } });
  await expect.poll(() => files().some((path) => path.endsWith(digest))).toBe(false);
});

test('a picture of 20 MB comes back from its task as it was drawn, twice', async () => {
  const picture = pngOf(20 * MB);
  const reply = Buffer.concat(replyWith(picture));
  const vendor = createServer((request, response) => {
    request.resume().once('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.byteLength });
      response.end(reply);
    });
  }).listen(0, '127.0.0.1');
  await once(vendor, 'listening');
  const large = await startGateway({
    upstream: { baseUrl: `http://127.0.0.1:${(vendor.address() as AddressInfo).port}` },
  });
  try {
    const begun = await large.post(IMAGES, { prompt }, LATER);
    expect(begun.status).toBe(202);
    for (let round = 0; round < 2; round += 1) {
      const { data } = await collected(large, locationOf(begun));
      expect(Buffer.from(data[0]!.b64_json, 'base64').equals(picture)).toBe(true);
    }
  } finally {
    await large.close();
    vendor.close();
  }
});
