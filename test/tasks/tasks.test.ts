import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { renderError } from '../../src/dialects/openai-images/errors.ts';
import type { Row } from '../../src/tasks/ports.ts';
import { Tasks } from '../../src/tasks/tasks.ts';
import type { TasksOptions } from '../../src/tasks/tasks.ts';
import type { Task } from '../../src/tasks/task.ts';
import type { JsonObject } from '../../src/wire/json.ts';

const HOUR = 3_600_000;
const PICTURE = 4 << 20;

/** Tasks over a book and answers in memory, which outlive them. */
function house(over: Partial<TasksOptions> = {}) {
  const clock = { now: 1_000_000 };
  const rows = new Map<string, Row>();
  const answers = new Map<string, { readonly about: JsonObject; readonly body: JsonObject }>();
  const interrupted: string[] = [];
  const open = () =>
    new Tasks({
      now: () => clock.now,
      keepMs: HOUR,
      inTheAir: 10,
      inTheAirPerTenant: 5,
      bytesPerTenant: 10 * PICTURE,
      answers: {
        mayKeep: async () => true,
        async put({ id }, { about, body }) {
          answers.set(id, { about, body });
          return Number(body['bytes'] ?? 100);
        },
        get: async ({ id }) => answers.get(id) ?? null,
        delete: async ({ id }) => void answers.delete(id),
      },
      book: {
        async keep(row) {
          rows.set(row.id, row);
          return true;
        },
        drop: ({ id }) => void rows.delete(id),
      },
      elsewhere: null,
      renderError,
      onInterrupted: ({ id }) => void interrupted.push(id),
      ...over,
    });
  return { clock, rows, answers, interrupted, open, tasks: open() };
}

const asked = (tenant = 'acme', over: Partial<Task> = {}) => ({
  tenant,
  retry: null,
  requestId: 'req_1',
  model: 'flash',
  pictures: 1,
  ...over,
});
const good = (body: JsonObject = {}) => ({ answer: { status: 200, headers: { age: '1' }, body }, costUsd: '0.05' });

async function begun(tasks: Tasks, tenant = 'acme', over: Partial<Task> = {}): Promise<Task> {
  const task = tasks.open(asked(tenant, over));
  await tasks.accept(task);
  return task;
}

describe('a task', () => {
  it('leaves nothing with the signal of one who waited for it', async () => {
    const { tasks } = house();
    const task = await begun(tasks);
    const until = new AbortController();
    const listeners = (): number => getEventListeners(until.signal, 'abort').length;
    const waiting = tasks.wait(task, 60_000, until.signal);
    expect(listeners()).toBe(1);
    await tasks.finish(task, good());
    await waiting;
    expect(listeners()).toBe(0);
  });

  it('is kept for an hour from its end, and then there is none', async () => {
    const { clock, tasks } = house();
    const { id } = await begun(tasks);
    clock.now += 2 * HOUR;
    expect(tasks.find('acme', id)?.status).toBe('in_progress');
    await tasks.finish(tasks.find('acme', id)!, good({ data: 'x' }));
    clock.now += HOUR - 1;
    const task = tasks.find('acme', id)!;
    expect(task).toMatchObject({ status: 'completed', statusCode: 200, costUsd: '0.05' });
    expect(await tasks.answerOf(task)).toEqual({ status: 200, headers: { age: '1' }, body: { data: 'x' } });
    clock.now += 1;
    expect(tasks.find('acme', id)).toBeNull();
  });

  it('is nothing to another tenant', async () => {
    const { tasks } = house();
    const { id } = await begun(tasks);
    expect(tasks.find('zeta', id)).toBeNull();
    expect(tasks.find('acme', `${id}x`)).toBeNull();
  });

  it('that was cancelled stays so though its answer comes, and keeps none', async () => {
    const { tasks, answers } = house();
    const task = await begun(tasks);
    const signal = tasks.cancelledOf(task);
    expect((await tasks.cancel(task))?.status).toBe('cancelled');
    expect(signal.aborted).toBe(true);
    expect(tasks.inTheAir).toBe(1);
    expect(await tasks.finish(task, good())).toBe(false);
    expect(tasks.find('acme', task.id)).toMatchObject({ status: 'cancelled', costUsd: '0.05' });
    expect([tasks.inTheAir, answers.size]).toEqual([0, 0]);
  });

  it('that is cancelled while its answer is being kept keeps none either', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const deleted: string[] = [];
    const { tasks } = house({
      answers: {
        mayKeep: async () => true,
        put: () => promise,
        get: async () => null,
        delete: async ({ id }) => void deleted.push(id),
      },
    });
    const task = await begun(tasks);
    const finished = tasks.finish(task, good());
    await tasks.cancel(task);
    resolve(100);
    expect(await finished).toBe(false);
    expect(deleted).toEqual([task.id]);
    expect(tasks.find('acme', task.id)?.status).toBe('cancelled');
  });

  it('whose answer nobody could keep has failed, and says so', async () => {
    const { tasks } = house({
      answers: {
        mayKeep: async () => true,
        put: async () => null,
        get: async () => null,
        delete: async () => undefined,
      },
    });
    const task = await begun(tasks);
    expect(await tasks.finish(task, good())).toBe(false);
    const now = tasks.find('acme', task.id)!;
    expect(now.status).toBe('failed');
    expect((await tasks.answerOf(now))?.body).toMatchObject({ error: { code: 'result_gone' } });
  });

  it('whose answer could not be kept for a fault has ended all the same: nothing waits for ever', async () => {
    const { tasks } = house({
      answers: {
        mayKeep: async () => true,
        put: () => Promise.reject(new Error('a fault')),
        get: async () => null,
        delete: async () => undefined,
      },
    });
    const task = await begun(tasks);
    const waiting = tasks.wait(task, HOUR, new AbortController().signal);
    await expect(tasks.finish(task, good())).rejects.toThrow('a fault');
    await waiting;
    expect(tasks.find('acme', task.id)?.status).toBe('failed');
    expect(tasks.inTheAir).toBe(0);
  });

  it('is waited for until it ends, for so long, or until nobody wants to know', async () => {
    const { tasks } = house();
    const task = await begun(tasks);
    await tasks.wait(task, 1, new AbortController().signal);
    await tasks.wait(task, HOUR, AbortSignal.abort());
    const left = new AbortController();
    const waiting = [
      tasks.wait(task, HOUR, left.signal),
      tasks.wait(task, HOUR, new AbortController().signal),
    ] as const;
    left.abort();
    await waiting[0];
    await tasks.finish(task, good());
    await waiting[1];
  });
});

describe('the room for tasks', () => {
  it('is bounded for each tenant and in all, and no refusal takes any of it', async () => {
    const { tasks } = house();
    const first = await Promise.all([1, 2, 3, 4, 5].map(() => begun(tasks)));
    expect(() => tasks.open(asked())).toThrow('5 tasks of this tenant are in the air');
    const others = await Promise.all([1, 2, 3, 4, 5].map(() => begun(tasks, 'zeta')));
    expect(() => tasks.open(asked('beta'))).toThrow('10 tasks are in the air');
    for (const task of [...first, ...others]) await tasks.finish(task, good());
    expect(tasks.inTheAir).toBe(0);
    expect((await begun(tasks)).status).toBe('in_progress');
  });

  it('is bounded in bytes for each tenant, counting what is in the air; what is deleted or expires makes room', async () => {
    const { tasks, clock } = house();
    const large = await begun(tasks, 'acme', { pictures: 4 });
    await tasks.finish(large, good({ bytes: 9 * PICTURE }));
    const last = await begun(tasks);
    expect(() => tasks.open(asked())).toThrow('fill the 40 MiB there are for them');
    expect((await begun(tasks, 'zeta')).status).toBe('in_progress');
    await tasks.finish(last, good());
    await tasks.cancel(large);
    await begun(tasks, 'acme', { pictures: 9 });
    expect(() => tasks.open(asked())).toThrow('fill the');
    clock.now += HOUR;
    expect(tasks.open(asked()).status).toBe('in_progress');
  });

  it('takes one request however large: what it weighs is only known when it is there', async () => {
    const { tasks } = house();
    expect((await begun(tasks, 'acme', { pictures: 100 })).status).toBe('in_progress');
  });
});

describe('a repetition under an Idempotency-Key', () => {
  it('waits until the first caller has its task, and gets the same', async () => {
    const { tasks } = house();
    const task = tasks.open(asked('acme', { retry: 'k' }));
    const same = tasks.underRetry('acme', 'k');
    await tasks.accept(task);
    expect((await same)?.id).toBe(task.id);
    await tasks.finish(task, good());
    expect((await tasks.underRetry('acme', 'k'))?.status).toBe('completed');
  });

  it('gets none where the first caller was answered or refused instead, where it failed, and where it has expired', async () => {
    const { tasks, clock } = house();
    const refused = tasks.open(asked('acme', { retry: 'k' }));
    const same = tasks.underRetry('acme', 'k');
    tasks.discard(refused);
    expect(await same).toBeNull();
    const failed = await begun(tasks, 'acme', { retry: 'k' });
    await tasks.finish(failed, { answer: { status: 503, headers: {}, body: {} }, costUsd: null });
    expect(await tasks.underRetry('acme', 'k')).toBeNull();
    const done = await begun(tasks, 'acme', { retry: 'k' });
    await tasks.finish(done, good());
    expect((await tasks.underRetry('acme', 'k'))?.id).toBe(done.id);
    clock.now += HOUR;
    expect(await tasks.underRetry('acme', 'k')).toBeNull();
  });
});

describe('after a restart', () => {
  it('those that ended are as they were, and those in the air were interrupted, told once', async () => {
    const { tasks, rows, interrupted, open } = house();
    const [done, lost, cancelled] = [await begun(tasks), await begun(tasks), await begun(tasks)];
    await tasks.finish(done, good({ data: 'x' }));
    await tasks.cancel(cancelled);
    for (const round of [1, 2]) {
      const again = open();
      await again.restore([...rows.values()]);
      expect(again.find('acme', done.id)?.status, `${round}`).toBe('completed');
      expect(again.find('acme', cancelled.id)?.status).toBe('cancelled');
      const found = again.find('acme', lost.id)!;
      expect(found.status).toBe('failed');
      expect((await again.answerOf(found))?.body).toMatchObject({ error: { code: 'interrupted' } });
      expect(again.inTheAir).toBe(0);
    }
    expect(interrupted).toEqual([lost.id]);
  });

  it('one whose answer was kept and whose row was not is completed', async () => {
    const { tasks, rows, interrupted, open } = house();
    const task = await begun(tasks);
    const before = rows.get(task.id)!;
    await tasks.finish(task, good({ data: 'x' }));
    const again = open();
    await again.restore([before]);
    expect(again.find('acme', task.id)).toMatchObject({ status: 'completed', costUsd: '0.05' });
    expect(interrupted).toEqual([]);
  });

  it('rows that cannot be read are passed over', async () => {
    const { tasks } = house();
    await tasks.restore(
      ['', 'null', '[]', '{"id":1}'].map((record, id) => ({ id: `${id}`, tenant: 'acme', record, endsAt: 0 })),
    );
    expect(tasks.find('acme', '0')).toBeNull();
  });
});

it('of a tenant that is forgotten no task is left', async () => {
  const { tasks, rows } = house();
  const [one, other, theirs] = [await begun(tasks), await begun(tasks), await begun(tasks, 'zeta')];
  await tasks.finish(one, good());
  const signal = tasks.cancelledOf(other);
  tasks.forget('acme');
  expect([tasks.find('acme', one.id), tasks.find('acme', other.id), signal.aborted]).toEqual([null, null, true]);
  expect([...rows.keys()]).toEqual([theirs.id]);
  expect(tasks.inTheAir).toBe(1);
});
