import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { askAndHangUp } from '../support/hang-up.ts';
import { keepAloft } from '../support/pause.ts';
import { scraped, spentNanos } from '../support/scrape.ts';
import { collected, LATER, taskOf, whenIn } from '../support/tasks.ts';
import type { TaskReply } from '../support/tasks.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, OpenAIError } from '../support/wire.ts';

const IMAGES = '/v1/images/generations';
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
const PICTURE_NANOS = 50_000_000;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64 },
    config: {
      tasks: { inTheAirPerTenant: 3 },
      tenants: [
        { id: 'acme', keys: [{ key: KEY }, { key: 'sk-second-of-acme' }, { key: 'sk-revoked-acme', revoked: true }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }] },
        { id: 'poor', keys: [{ key: 'sk-test-poor' }], budgets: [{ limitUsd: 0.01, per: 'total' }] },
      ],
    },
  });
});
afterAll(() => gateway.close());

let prompt = '';
let before = 0;
beforeEach(({ task }) => {
  prompt = task.name;
  before = gateway.simulator.calls.length;
  gateway.simulator.clearRules();
  gateway.simulator.settings.latencyMs = 400;
});
const calls = (): number => gateway.simulator.calls.length - before;
const images = (over: object = {}) => ({ prompt, image_size: '512', ...over });
const begin = (body: object = images(), headers: Record<string, string> = {}): Promise<Response> =>
  gateway.post(IMAGES, body, { ...LATER, ...headers });
const get = (location: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(gateway.url + location, { headers: { authorization: `Bearer ${KEY}`, ...headers } });
const drop = (location: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(gateway.url + location, { method: 'DELETE', headers: { authorization: `Bearer ${KEY}`, ...headers } });

describe('a request that would rather not wait', () => {
  test('gets a 202 and a task, which tells how far it is and then gives the very answer', async () => {
    const spent = await spentNanos(gateway);
    const land = keepAloft(gateway.simulator);
    const begun = await begin(images({ n: 2, user: 'ada' }));
    expect(begun.status).toBe(202);
    expect(begun.headers.get('preference-applied')).toBe('respond-async');
    expect(begun.headers.get('retry-after')).toBe('2');
    const location = begun.headers.get('location') ?? '';
    expect(location).toMatch(/^\/v1\/images\/tasks\/task_[\w-]{32}$/);
    const task = await taskOf(begun);
    expect(task).toMatchObject({ object: 'image.task', status: 'in_progress', response: null, error: null });
    expect(task.progress).toMatchObject({ pictures: 2, pictures_done: 0 });
    expect(task.expires_at - task.created_at).toBe(3600);
    expect(task.request_id).toBe(begun.headers.get('x-request-id'));

    const looked = await get(location);
    expect(looked.headers.get('retry-after')).toBe('2');
    expect((await taskOf(looked)).status).toBe('in_progress');
    expect(await scraped(gateway, 'plantain_tasks_in_the_air')).toBe(1);
    land();

    const reply = await whenIn(gateway, location);
    expect(reply.headers.get('retry-after')).toBeNull();
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0.1');
    expect(reply.headers.get('x-plantain-size')).toBe('512x512, 512x512');
    expect(reply.headers.get('cache-status')).toContain('Plantain; fwd=bypass');
    expect(reply.headers.get('cache-control')).toBe('private, no-store');
    const ended = await taskOf(reply);
    expect(ended).toMatchObject({ id: task.id, status: 'completed', status_code: 200, cost: 0.1, error: null });
    expect(ended.progress.pictures_done).toBe(2);
    expect(ended.response?.data).toHaveLength(2);
    expect(ended.response?.usage).toBeDefined();
    expect(await collected(gateway, location)).toEqual(ended.response);
    expect(calls()).toBe(2);
    expect((await spentNanos(gateway)) - spent).toBe(2 * PICTURE_NANOS);
    expect(await scraped(gateway, 'plantain_tasks_in_the_air')).toBe(0);
  });

  test('has one line for the request and one for its task, and neither holds the prompt', async () => {
    const begun = await begin();
    const id = begun.headers.get('x-request-id') ?? '';
    await whenIn(gateway, begun.headers.get('location') ?? '');
    const lines = (): Record<string, unknown>[] =>
      gateway
        .logged()
        .split('\n')
        .filter((line) => line.includes(id))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    await expect
      .poll(() =>
        lines()
          .map(({ msg }) => String(msg))
          .toSorted(),
      )
      .toEqual(['request', 'task']);
    expect(lines().find(({ msg }) => msg === 'request')).toMatchObject({ status: 202, outcome: 'ok', costUsd: null });
    expect(lines().find(({ msg }) => msg === 'task')).toMatchObject({ outcome: 'ok', pictures: 1, costUsd: '0.05' });
    expect(gateway.logged()).not.toContain(prompt);
  });

  test('is answered at once where the picture is there already', async () => {
    await gateway.post(IMAGES, images({ seed: 3 }));
    const reply = await begin(images({ seed: 3 }));
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(calls()).toBe(1);
  });

  test('is answered in place where that takes no longer than it would wait, and gets a task where it does', async () => {
    const inTime = await begin(images(), { prefer: 'respond-async, wait=15' });
    expect(inTime.status).toBe(200);
    expect((await bodyOf<ImagesReply>(inTime)).data).toHaveLength(1);
    const land = keepAloft(gateway.simulator);
    const late = await begin(images(), { prefer: 'wait=1, respond-async' });
    expect(late.status).toBe(202);
    land();
    expect((await collected(gateway, late.headers.get('location') ?? '')).data).toHaveLength(1);
    expect(calls()).toBe(2);
  });

  test('hears at once what is wrong with it: key, limits, budget, fields', async () => {
    const status = async (body: object, headers: Record<string, string> = {}) => (await begin(body, headers)).status;
    expect(await status(images(), { authorization: 'Bearer nobody' })).toBe(401);
    expect(await status(images({ n: 'two' }))).toBe(400);
    expect(await status(images({ model: 'gpt-5' }))).toBe(404);
    expect(await status(images(), { authorization: 'Bearer sk-test-poor' })).toBe(429);
    const unkept = await begin(images(), { 'cache-control': 'no-store' });
    expect(unkept.status).toBe(400);
    expect((await bodyOf<OpenAIError>(unkept)).error).toMatchObject({ param: 'Prefer', code: 'unsupported_value' });
    expect(await status(images(), { accept: 'image/png' })).toBe(400);
    expect(calls()).toBe(0);
    expect(await scraped(gateway, 'plantain_tasks_in_the_air')).toBe(0);
  });

  test('through Gemini waits as ever: a preference may be passed over', async () => {
    const reply = await gateway.post(
      '/v1beta/models/gemini-3.1-flash-image:generateContent',
      { contents: [{ parts: [{ text: prompt }] }] },
      LATER,
    );
    expect(reply.status).toBe(200);
    expect(reply.headers.get('preference-applied')).toBeNull();
  });

  test('works from the openai SDK, which follows a task by its raw calls', async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
    const begun = await client.post<TaskReply>('/images/generations', { body: images(), headers: LATER });
    let task = begun;
    for (let polls = 0; task.status === 'in_progress' && polls < 50; polls += 1)
      task = await client.get<TaskReply>(`/images/tasks/${begun.id}`, { headers: { Prefer: 'wait=10' } });
    expect(task.response?.data[0]?.b64_json.length).toBeGreaterThan(100);
    await client.delete(`/images/tasks/${begun.id}`);
    await expect(client.get(`/images/tasks/${begun.id}`)).rejects.toMatchObject({
      status: 404,
      code: 'task_not_found',
    });
  });

  test('of a picture that fails tells the failure, in the words and with the status it would have had', async () => {
    gateway.simulator.rule({ fault: 'safety', times: 1 });
    const begun = await begin();
    expect(begun.status).toBe(202);
    const reply = await whenIn(gateway, begun.headers.get('location') ?? '');
    expect(reply.status).toBe(200);
    const task = await taskOf(reply);
    expect(task).toMatchObject({ status: 'failed', status_code: 400, response: null });
    expect(task.error).toMatchObject({ type: 'image_generation_user_error', code: 'moderation_blocked' });
  });

  test('waits for nothing it shares: a task and a caller who waits get one picture of one call', async () => {
    const [begun, waited] = await Promise.all([begin(images({ seed: 8 })), gateway.post(IMAGES, images({ seed: 8 }))]);
    const answer = await collected(gateway, begun.headers.get('location') ?? '');
    expect(answer.data).toEqual((await bodyOf<ImagesReply>(waited)).data);
    expect(calls()).toBe(1);
  });

  test('whose caller is gone before it hears of the task leaves its picture to whoever asks again', async () => {
    gateway.simulator.settings.latencyMs = 1_500;
    await askAndHangUp(gateway, IMAGES, images(), { headers: { prefer: 'respond-async, wait=20' } });
    const reply = await begin(images(), { prefer: 'respond-async, wait=20' });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(calls()).toBe(1);
    expect(await scraped(gateway, 'plantain_tasks_in_the_air')).toBe(0);
  });
});

describe('a task', () => {
  test('is for every key of its tenant, and cannot be told from none by anybody else', async () => {
    const location = (await begin()).headers.get('location') ?? '';
    expect((await get(location, { authorization: 'Bearer sk-second-of-acme' })).status).toBe(200);
    expect((await get(location, { authorization: 'Bearer sk-revoked-acme' })).status).toBe(401);
    expect((await get(location, { authorization: 'Bearer nobody' })).status).toBe(401);
    const seen = async (reply: Response) => [reply.status, [...reply.headers.keys()], await reply.text()];
    const none = location.replace(/.{6}$/, 'AAAAAA');
    const [theirs, nobodys] = [await seen(await get(location, OTHER)), await seen(await get(none, OTHER))];
    expect(theirs).toEqual(nobodys);
    expect(theirs[0]).toBe(404);
    expect((await drop(location, OTHER)).status).toBe(404);
    expect((await taskOf(await whenIn(gateway, location))).status).toBe('completed');
    expect((await get(location.replace('/v1/', '/v1beta/openai/'))).status).toBe(200);
    const wrong = await fetch(gateway.url + location, { method: 'PUT' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, DELETE']);
  });

  test('is one for all repetitions of its request under an Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'later-1' };
    const all = await Promise.all(Array.from({ length: 6 }, () => begin(images(), headers)));
    const location = all[0]!.headers.get('location') ?? '';
    expect(all.map((reply) => reply.headers.get('location'))).toEqual(all.map(() => location));
    await whenIn(gateway, location);
    const again = await begin(images(), headers);
    expect(again.headers.get('location')).toBe(location);
    expect((await taskOf(again)).status).toBe('completed');
    expect((await begin(images({ n: 2 }), headers)).status).toBe(422);
    const waited = await gateway.post(IMAGES, images(), headers);
    expect((await bodyOf<ImagesReply>(waited)).data).toEqual((await collected(gateway, location)).data);
    expect(calls()).toBe(1);
  });

  test('that failed does not stand in the way of its repetition under the same Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'later-2' };
    gateway.simulator.rule({ fault: 'overloaded', times: 1 });
    const failed = (await begin(images(), headers)).headers.get('location') ?? '';
    expect((await taskOf(await whenIn(gateway, failed))).status_code).toBe(503);
    const again = (await begin(images(), headers)).headers.get('location') ?? '';
    expect(again).not.toBe(failed);
    expect((await collected(gateway, again)).data).toHaveLength(1);
  });

  test('that is deleted in the air is cancelled, and charged as unknown; deleted again it is forgotten', async () => {
    const broken = await scraped(gateway, 'plantain_upstream_requests_total', { outcome: 'cancelled' });
    keepAloft(gateway.simulator);
    const location = (await begin()).headers.get('location') ?? '';
    await expect.poll(calls).toBe(1);
    const cancelled = await drop(location);
    expect(await taskOf(cancelled)).toMatchObject({ status: 'cancelled', response: null, error: null });
    await expect
      .poll(() => scraped(gateway, 'plantain_upstream_requests_total', { outcome: 'cancelled' }))
      .toBe(broken + 1);
    await expect.poll(async () => (await taskOf(await get(location))).cost).toBe(0.05);
    expect(await scraped(gateway, 'plantain_tasks_total', { outcome: 'cancelled' })).toBe(1);
    expect(await (await drop(location)).json()).toMatchObject({ deleted: true });
    expect((await get(location)).status).toBe(404);
  });

  test('that is deleted while another caller waits for its picture takes nothing from it', async () => {
    const land = keepAloft(gateway.simulator);
    const location = (await begin(images({ seed: 4 }))).headers.get('location') ?? '';
    await expect.poll(calls).toBe(1);
    const waiting = gateway.post(IMAGES, images({ seed: 4 }));
    await expect.poll(() => scraped(gateway, 'plantain_singleflight_waiters'), { interval: 5 }).toBeGreaterThan(0);
    expect((await taskOf(await drop(location))).status).toBe('cancelled');
    land();
    expect((await waiting).status).toBe(200);
    expect(calls()).toBe(1);
  });

  test('is one of so many of its tenant at one time; the others have room of their own', async () => {
    const land = keepAloft(gateway.simulator);
    const begun = await Promise.all([1, 2, 3].map((seed) => begin(images({ seed }))));
    expect(begun.map(({ status }) => status)).toEqual([202, 202, 202]);
    const refused = await begin(images({ seed: 4 }));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect((await bodyOf<OpenAIError>(refused)).error.message).toMatch(/^3 tasks of this tenant are in the air/);
    expect((await begin(images({ seed: 4 }), OTHER)).status).toBe(202);
    land();
    for (const each of begun) await whenIn(gateway, each.headers.get('location') ?? '');
    expect(calls()).toBe(4);
    expect((await begin(images({ seed: 5 }))).status).toBe(202);
  });
});
