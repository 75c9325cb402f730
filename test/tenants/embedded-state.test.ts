import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import { openEmbeddedState } from '../../src/tenants/embedded-state.ts';
import type { SpendState } from '../../src/tenants/state.ts';
import { audit } from './audit.ts';
import { direct } from './direct-state.ts';
import { LONG, freshAccounts, history, hold, play } from './spend-history.ts';
import { describeSpendState } from './spend-state.ts';
import { spender } from './spender-process.ts';
import { temporaryDirectory } from './temporary.ts';

const now = (): number => Date.parse('2026-11-22T12:00:00Z');
const open = (file: string): Promise<SpendState> => openEmbeddedState({ file, now });

describeSpendState('the embedded state', () => open(':memory:'));

test('I1 to I6, I9, I11, I14: after any history with crashes the balances are the model’s and the rows add up to them', async () => {
  const directory = temporaryDirectory();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const file = join(directory, String((run += 1)), 'ledger.sqlite');
      const open = async () => direct(openEmbeddedLedger(file, now()), now);
      await play(steps, open, async (state) => {
        await state.close();
        return open();
      });
      expect(audit(file).faults).toEqual([]);
    }),
    { numRuns: LONG ? 2_000 : 60 },
  );
}, 600_000);

test('a state that is closed says that nothing can be reserved any more', async () => {
  const state = await open(':memory:');
  expect(state.trouble()).toBeNull();
  await state.close();
  expect(state.trouble()).toMatch(/ledger is closed/);
});

test('every change is a row that says who, what and how it ended, budgets or not', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const state = await open(file);
  const [settled, released, open_] = [hold([], 100), hold(freshAccounts(500), 200), hold([], 300)];
  await state.reserve([settled, released, open_]);
  await state.settle(settled.id, 70, 'no_image');
  await state.release(released.id);
  await state.close();
  await (await open(file)).close();
  const { rows, faults, holds } = audit(file);
  expect(faults).toEqual([]);
  expect(
    rows.map(({ hold, kind, delta_held, delta_spent, outcome }) => [hold, kind, delta_held, delta_spent, outcome]),
  ).toEqual([
    [settled.id, 'reserve', 100, 0, null],
    [released.id, 'reserve', 200, 0, null],
    [open_.id, 'reserve', 300, 0, null],
    [settled.id, 'settle', -100, 70, 'no_image'],
    [released.id, 'release', -200, 0, 'released'],
    [open_.id, 'expire', -300, 300, 'unknown'],
  ]);
  expect(new Set(rows.map(({ tenant, key_id, model }) => `${tenant} ${key_id} ${model}`))).toEqual(
    new Set(['acme k1 pro']),
  );
  expect([...holds.values()].sort()).toEqual(['expired', 'released', 'settled']);
});

test('I5: what a crash charged in full is corrected by a late settlement to exactly its cost', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const accounts = freshAccounts(100);
  const [first, second] = [hold(accounts, 40), hold(accounts, 60)];
  const state = await open(file);
  await state.reserve([first, second]);
  await state.close();

  const later = await openEmbeddedState({ file, now });
  expect(later.expired).toEqual({ holds: 2, nanos: 100 });
  const key = accounts[0]!.key;
  expect(await later.spent([key])).toEqual([{ spentNanos: 100, heldNanos: 0 }]);
  await later.release(first.id);
  await later.settle(first.id, 15, 'ok');
  await later.settle(second.id, 0, 'ok');
  expect(await later.spent([key])).toEqual([{ spentNanos: 15, heldNanos: 0 }]);
  await later.close();
  const last = await openEmbeddedState({ file, now });
  expect(last.expired).toEqual({ holds: 0, nanos: 0 });
  await last.close();
  expect(audit(file).faults).toEqual([]);
});

test('rows of the ledger cannot be changed or removed', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const state = await open(file);
  await state.reserve([hold([], 100)]);
  await state.close();
  const db = new DatabaseSync(file);
  expect(() => db.exec('UPDATE ledger SET delta_spent = 1')).toThrow(/never changed/);
  expect(() => db.exec('DELETE FROM ledger')).toThrow(/never deleted/);
  db.close();
});

test('requests that come while a commit waits for the disk share the next one', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const state = await open(file);
  await Promise.all(Array.from({ length: 200 }, () => state.reserve([hold([], 1)])));
  // Every commit appends a frame of its last page to the log, so their number is bounded by its size.
  const pages = readFileSync(`${file}-wal`).byteLength / 4096;
  await state.close();
  expect(pages).toBeLessThan(200);
});

test('a store that cannot be written refuses new work, and settles what was begun as soon as it can', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const accounts = freshAccounts(1_000);
  const state = await open(file);
  const begun = hold(accounts, 100);
  await state.reserve([begun]);

  const stranger = new DatabaseSync(file);
  stranger.exec('BEGIN IMMEDIATE');
  const settled = state.settle(begun.id, 80, 'ok');
  await expect(state.reserve([hold(accounts, 100)])).rejects.toMatchObject({
    failure: 'unavailable',
    status: 503,
    detail: { retryAfterSeconds: 5 },
    cause: 'database is locked',
  });
  stranger.exec('ROLLBACK');
  stranger.close();
  await settled;
  expect(await state.spent([accounts[0]!.key])).toEqual([{ spentNanos: 80, heldNanos: 0 }]);
  await state.close();
});

test('closing tries once more what could not be written, and says so when it still cannot', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const state = await open(file);
  const begun = hold(freshAccounts(1_000), 100);
  await state.reserve([begun]);
  const stranger = new DatabaseSync(file);
  stranger.exec('BEGIN IMMEDIATE');
  const settled = expect(state.settle(begun.id, 80, 'ok')).rejects.toMatchObject({ failure: 'unavailable' });
  await state.close();
  await settled;
  stranger.exec('ROLLBACK');
  stranger.close();
  await (await open(file)).close();
  expect(audit(file).holds.get(begun.id)).toBe('expired');
});

test('what was asked before the close is done, and what is asked after it is refused', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const state = await open(file);
  const holds = Array.from({ length: 50 }, () => hold([], 1));
  const reserved = holds.map((one) => state.reserve([one]));
  const settled = holds.map(({ id }) => state.settle(id, 1, 'ok'));
  await Promise.all([state.close(), state.close()]);
  await Promise.all([...reserved, ...settled]);
  await expect(state.reserve([hold([], 1)])).rejects.toMatchObject({ failure: 'unavailable' });
  await expect(state.settle(holds[0]!.id, 1, 'ok')).rejects.toMatchObject({ failure: 'unavailable' });
  expect(new Set(audit(file).holds.values())).toEqual(new Set(['settled']));
});

test('a ledger of a newer version, and a file that is none, are left alone and named', async () => {
  const directory = temporaryDirectory();
  const newer = join(directory, 'newer.sqlite');
  const db = new DatabaseSync(newer);
  db.exec('PRAGMA user_version = 99');
  db.close();
  await expect(open(newer)).rejects.toThrow(
    /newer\.sqlite cannot be opened: it was written by a newer Plantain \(schema 99/,
  );
  const none = join(directory, 'none.sqlite');
  writeFileSync(none, 'a picture of a fox in snow '.repeat(100));
  await expect(open(none)).rejects.toMatchObject({ failure: 'unavailable' });
  await expect(open(none)).rejects.toThrow(/none\.sqlite cannot be opened: file is not a database/);
  expect(readFileSync(none, 'utf8')).toMatch(/^a picture of a fox/);
});

test('a directory is one state’s at a time, within a process too, and free again after the close', async () => {
  const directory = join(temporaryDirectory(), 'data');
  const state = await open(join(directory, 'ledger.sqlite'));
  await expect(open(join(directory, 'ledger.sqlite'))).rejects.toThrow(
    `The data directory ${directory} is in use by another Plantain process.`,
  );
  await state.reserve([hold([], 1)]);
  await state.close();
  await (await open(join(directory, 'ledger.sqlite'))).close();
  expect(readdirSync(directory).sort()).toEqual(['ledger.sqlite', 'lock']);
});

test('its files are for their owner only, in a directory that everybody can read too', async () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const state = await open(join(directory, 'ledger.sqlite'));
  await state.reserve([hold([], 1)]);
  const files = readdirSync(directory);
  expect(files).toEqual(expect.arrayContaining(['lock', 'ledger.sqlite', 'ledger.sqlite-shm', 'ledger.sqlite-wal']));
  for (const name of files) expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600);
  await state.close();
});

test('an attempt within the process that has a directory does not let go of its lock', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  const state = await open(file);
  await expect(open(file)).rejects.toThrow(/in use by another Plantain process/);
  const other = spender(file, freshAccounts(100)[0]!);
  await other.said(1);
  await other.kill();
  expect(other.lines[0]).toMatch(/^refused The data directory .* is in use/);
  await state.close();
});

test('I9: kill -9 at any moment under load loses nothing that was promised and releases nothing that may be paid', async () => {
  const file = join(temporaryDirectory(), 'ledger.sqlite');
  for (let kill = 0; kill < (LONG ? 200 : 4); kill += 1) {
    // Room for about forty pictures, so that some are killed at the limit too.
    const account = freshAccounts(3_000)[0]!;
    const child = spender(file, account);
    await child.said(10 + 40 * (kill % 4));
    await sleep(kill % 7);
    await child.kill();

    const state = await open(file);
    const [balance] = await state.spent([account.key]);
    await state.close();
    expect(balance!.heldNanos).toBe(0);
    expect(balance!.spentNanos).toBeLessThanOrEqual(account.limitNanos);
    const { faults, holds, rows } = audit(file);
    expect(faults).toEqual([]);
    for (const line of child.lines) {
      const [word, id = ''] = line.split(' ');
      if (word === 'settled' || word === 'released') expect(holds.get(id)).toBe(word);
      else if (word === 'reserved') expect(holds.get(id)).toMatch(/^(settled|released|expired)$/);
    }
    for (const { kind, delta_spent } of rows) if (kind === 'expire') expect(delta_spent).toBe(100);
  }
}, 600_000);

test('a second process is told which directory is taken, and gets it when the first dies', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'ledger.sqlite');
  const account = freshAccounts(1_000)[0]!;
  const first = spender(file, account);
  await first.said(1);
  const second = spender(file, account);
  await second.ended();
  expect(second.lines).toEqual([
    `refused The data directory ${directory} is in use by another Plantain process. Stop that one, or give this one another.`,
  ]);
  await first.kill();
  await (await open(file)).close();
});
