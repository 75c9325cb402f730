import { describe, expect, test } from 'vitest';
import { renderError } from '../../src/dialects/openai-images/errors.ts';
import { Elsewhere } from '../../src/tasks/elsewhere.ts';
import type { AnswerStore, Place, Row, SharedTaskBook, TaskBook } from '../../src/tasks/ports.ts';
import { Tasks } from '../../src/tasks/tasks.ts';
import type { JsonObject } from '../../src/wire/json.ts';

const HOUR = 3_600_000;
const never = new AbortController().signal;

/** Instances that share a book and answers; `dead` are not heard of any more. */
function house() {
  const clock = { now: 1_000_000 };
  const rows = new Map<string, Row & { readonly owner: string }>();
  const kept = new Map<string, { readonly about: JsonObject; readonly body: JsonObject }>();
  const dead = new Set<string>();
  const hearers = new Set<(place: Place) => void>();
  const losers = new Set<() => void>();
  const away = { isAway: false };
  const interrupted: string[] = [];
  const answers: AnswerStore = {
    mayKeep: async () => true,
    async put({ id }, { about, body }) {
      kept.set(id, { about, body });
      return 100;
    },
    get: async ({ id }) => kept.get(id) ?? null,
    delete: async ({ id }) => void kept.delete(id),
  };
  const open = (owner: string): Tasks => {
    const book: TaskBook & SharedTaskBook = {
      async keep(row) {
        if (away.isAway) return false;
        rows.set(row.id, { ...row, owner });
        return true;
      },
      drop: ({ id }) => void rows.delete(id),
      async find({ tenant, id }) {
        if (away.isAway) return 'unknown';
        const row = rows.get(id);
        return row?.tenant === tenant ? { record: row.record, isOrphaned: dead.has(row.owner) } : null;
      },
      under: async (tenant, retry) =>
        rows.values().find((row) => row.tenant === tenant && row.retry === retry)?.id ?? null,
      cancel: (place) => hearers.forEach((hear) => hear(place)),
      onCancel(hear) {
        hearers.add(hear);
        return () => hearers.delete(hear);
      },
      onLost(hear) {
        losers.add(hear);
        return () => losers.delete(hear);
      },
    };
    const shared = { now: () => clock.now, keepMs: HOUR, answers, book };
    const onInterrupted = ({ id }: { readonly id: string }): void => void interrupted.push(id);
    return new Tasks({
      ...shared,
      inTheAir: 10,
      inTheAirPerTenant: 5,
      bytesPerTenant: 1 << 30,
      elsewhere: new Elsewhere({ ...shared, onInterrupted }),
      renderError,
      onInterrupted,
    });
  };
  return {
    clock,
    dead,
    away,
    interrupted,
    rows,
    kept,
    lost: () => losers.forEach((hear) => hear()),
    one: open('one'),
    two: open('two'),
  };
}

const asked = { tenant: 'acme', retry: null, requestId: 'req_1', model: 'flash', pictures: 2 };
const good = { answer: { status: 200, headers: {}, body: { data: 'x' } }, costUsd: '0.05' };

describe('a task of another instance', () => {
  test('is found with how far it is, waited for, and its answer collected; by its tenant alone', async () => {
    const { one, two } = house();
    const task = one.open(asked);
    expect(await two.locate('acme', task.id)).toBeNull();
    await one.accept(task);
    one.landed(task);
    await expect.poll(async () => (await two.locate('acme', task.id))?.done).toBe(1);
    expect(await two.locate('globex', task.id)).toBeNull();
    const waiting = two.wait((await two.locate('acme', task.id))!, HOUR, never);
    await one.finish(task, good);
    await waiting;
    const now = (await two.locate('acme', task.id))!;
    expect(now).toMatchObject({ status: 'completed', costUsd: '0.05' });
    expect((await two.answerOf(now))?.body).toEqual({ data: 'x' });
    expect(await two.cancel(now)).toBeNull();
    expect(await two.locate('acme', task.id)).toBeNull();
  });

  test('is cancelled where it is drawn', async () => {
    const { one, two } = house();
    const task = one.open(asked);
    await one.accept(task);
    expect(await two.cancel((await two.locate('acme', task.id))!)).toMatchObject({ status: 'cancelled' });
    expect(one.cancelledOf(task).aborted).toBe(true);
  });

  test('is the one for a repetition of its request', async () => {
    const { one, two } = house();
    const task = one.open({ ...asked, retry: 'k' });
    await one.accept(task);
    expect((await two.underRetry('acme', 'k'))?.id).toBe(task.id);
    expect(await two.underRetry('globex', 'k')).toBeNull();
    await one.finish(task, { ...good, answer: { ...good.answer, status: 502 } });
    expect(await two.underRetry('acme', 'k')).toBeNull();
  });

  test('is interrupted when that has died, once, unless its answer was kept', async () => {
    const { one, two, dead, interrupted, rows } = house();
    const [lost, done] = [one.open(asked), one.open(asked)];
    await one.accept(lost);
    await one.accept(done);
    const row = rows.get(done.id)!;
    await one.finish(done, good);
    // It died after the answer was kept and before its row was.
    rows.set(done.id, row);
    dead.add('one');
    expect(await two.locate('acme', done.id)).toMatchObject({ status: 'completed' });
    const found = (await two.locate('acme', lost.id))!;
    expect(found.status).toBe('failed');
    expect((await two.answerOf(found))?.body).toMatchObject({ error: { code: 'interrupted' } });
    await two.locate('acme', lost.id);
    expect(interrupted).toEqual([lost.id]);
  });

  test('is not said to be none while nobody can say, and whoever waits for it waits on', async () => {
    const { one, two, away } = house();
    const task = one.open({ ...asked, retry: 'k' });
    await one.accept(task);
    const known = (await two.locate('acme', task.id))!;
    away.isAway = true;
    await expect(two.locate('acme', task.id)).rejects.toMatchObject({ failure: 'unavailable', status: 503 });
    expect(await one.locate('acme', task.id)).toMatchObject({ status: 'in_progress' });
    expect(await two.underRetry('acme', 'k')).toBeNull();
    const waiting = two.wait(known, HOUR, never);
    away.isAway = false;
    await one.finish(task, good);
    await waiting;
    expect(await two.locate('acme', task.id)).toMatchObject({ status: 'completed' });
  });

  test('is told again to a book that has lost it, as it stands then; what was discarded is not', async () => {
    const { one, two, rows, lost } = house();
    const [drawn, done, gone] = [one.open(asked), one.open(asked), one.open(asked)];
    for (const each of [drawn, done, gone]) await one.accept(each);
    await one.finish(done, good);
    one.discard(gone);
    rows.clear();
    expect(await two.locate('acme', drawn.id)).toBeNull();
    lost();
    await expect.poll(async () => (await two.locate('acme', drawn.id))?.status).toBe('in_progress');
    expect((await two.locate('acme', done.id))?.status).toBe('completed');
    expect(await two.locate('acme', gone.id)).toBeNull();
  });

  test('that is deleted after its end is none where it was drawn, either', async () => {
    const { one, two, kept } = house();
    const task = one.open(asked);
    await one.accept(task);
    await one.finish(task, good);
    expect(await two.cancel((await two.locate('acme', task.id))!)).toBeNull();
    expect([await one.locate('acme', task.id), kept.size]).toEqual([null, 0]);
  });

  test('that has expired is none', async () => {
    const { one, two, clock } = house();
    const task = one.open(asked);
    await one.accept(task);
    await one.finish(task, good);
    clock.now += HOUR;
    expect(await two.locate('acme', task.id)).toBeNull();
  });
});
