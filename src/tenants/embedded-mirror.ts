import type { Books, Ended, Recorded } from './embedded-books.ts';
import type { Change, Entry, KnownHold, Memory, MirrorOperation, MirrorTold, Position, Snapshot } from './mirror.ts';
import { GatewayError } from '../errors.ts';
import type { RollUps } from './embedded-rollup.ts';
import type { SavedBatch } from './embedded-saved.ts';
import type { Database } from '../sqlite.ts';

/**
 * Made in the file of a ledger that follows a Redis, beside the ledger's own tables: how far it has followed, what is
 * still to be told, and whose the open holds are.
 */
const TABLES = `
  CREATE TABLE IF NOT EXISTS mirror_position (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    epoch  TEXT    NOT NULL,
    id     TEXT    NOT NULL,
    number INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS mirror_errand (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    errand TEXT    NOT NULL CHECK (json_valid(errand))
  ) STRICT;
  CREATE TABLE IF NOT EXISTS mirror_run (run TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS mirror_open (hold TEXT PRIMARY KEY, run TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/** What was spent where this file did not look has a hold of its own for each account, of this name and no model. */
const CARRIED = 'carried:';
/** Redis forgets a hold a day after its end. */
const FORGOTTEN_MS = 86_400_000;
const FORGET_AT_ONCE = 5_000;
const UNCOUNTED = { pictures: 0, tokens: 0 };

export interface Mirror {
  perform(operation: MirrorOperation): MirrorTold;
}

/** Whether the ledger in a file follows a Redis: its open holds are not its own then. */
export function isMirror(db: Database): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'mirror_position'").get() !== undefined;
}

/** The side of a ledger that follows a Redis: it writes down what was decided there. */
export function mirrorIn(
  db: Database,
  books: Books,
  rollUps: RollUps,
  save: (batch: SavedBatch, at: number) => void,
): Mirror {
  db.exec(TABLES);
  const selectPosition = db.prepare('SELECT epoch, id, number FROM mirror_position');
  const insertPosition = db.prepare(
    'INSERT OR REPLACE INTO mirror_position (one, epoch, id, number) VALUES (1, ?, ?, ?)',
  );
  const insertErrand = db.prepare('INSERT INTO mirror_errand (errand) VALUES (?)');
  const selectErrands = db.prepare('SELECT number, errand FROM mirror_errand ORDER BY number');
  const deleteErrand = db.prepare('DELETE FROM mirror_errand WHERE number = ?');
  const insertRun = db.prepare('INSERT OR IGNORE INTO mirror_run (run) VALUES (?)');
  const selectRuns = db.prepare('SELECT run FROM mirror_run');
  const deleteRun = db.prepare('DELETE FROM mirror_run WHERE run = ?');
  const insertOpen = db.prepare('INSERT OR IGNORE INTO mirror_open (hold, run) VALUES (?, ?)');
  const deleteOpen = db.prepare('DELETE FROM mirror_open WHERE hold = ?');
  const anyHold = db.prepare('SELECT 1 FROM hold LIMIT 1');
  const HOLDS = `
    SELECT hold.id, worst, state, charged, outcome, pictures, tokens, at, lease_until, tenant, key_id, model, upstream,
      tier, user, tags, coalesce(run, '') AS run,
      (SELECT json_group_array(account) FROM hold_account WHERE hold_account.hold = hold.id) AS accounts
    FROM hold JOIN attribution AS who ON who.id = attribution LEFT JOIN mirror_open ON mirror_open.hold = hold.id`;
  const selectHolds = db.prepare(`${HOLDS} WHERE (at >= ? OR state = 'held') AND hold.id NOT GLOB '${CARRIED}*'`);
  const selectHold = db.prepare(`${HOLDS} WHERE hold.id = ?`);
  const selectSums = db.prepare(`
    SELECT account AS key, sum(charged) AS nanos FROM (
      SELECT account, charged FROM hold_account JOIN hold ON hold.id = hold WHERE at < ? OR hold.id GLOB '${CARRIED}*'
      UNION ALL SELECT account, spent FROM base_account
    ) GROUP BY account HAVING nanos > 0`);

  function position(): Position | null {
    const row = selectPosition.get();
    return row === undefined
      ? null
      : { epoch: String(row['epoch']), id: String(row['id']), number: Number(row['number']) };
  }

  function follow({ epoch, id, number }: Position): void {
    insertPosition.run(epoch, id, BigInt(number));
  }

  function open(hold: Recorded, run: string, at: number): void {
    if (books.stateOf(hold.id) !== null) return;
    books.record(hold, at);
    insertOpen.run(hold.id, run);
  }

  /** Writes one change down, once: what is known already changes nothing. False: its hold was never known here. */
  function replay(change: Change, at: number): boolean {
    switch (change.verb) {
      case 'reserve':
        for (const hold of change.holds) open(hold, change.run, at);
        return true;
      case 'expire': {
        const known = change.ids.filter((id) => books.stateOf(id) !== null);
        books.expire(known, at);
        for (const id of known) deleteOpen.run(id);
        return known.length === change.ids.length;
      }
      case 'settle':
      case 'release':
      case 'refund':
        if (books.stateOf(change.id) === null) return false;
        if (change.verb === 'settle') books.settle(change.id, change.ended, at);
        else if (change.verb === 'release') books.release(change.id, change.outcome, at);
        // What this instance settled itself it knows before it has read what went before.
        else if (books.stateOf(change.id) === (change.was ?? books.stateOf(change.id))) books.refund(change.id, at);
        deleteOpen.run(change.id);
        return true;
      case 'adjust':
        if ([null, 'held'].includes(books.stateOf(change.adjustment.id))) return false;
        books.adjust(change.adjustment, at);
        return true;
      case 'save':
        save(change.batch, at);
        return true;
      case 'forget':
        rollUps.named(change.tenant, change.keys);
        return forget(change.tenant, at);
      case 'resync':
        return true;
      default:
        // A verb of a later version, on another instance.
        change satisfies never;
        return false;
    }
  }

  /** False: it has pictures in the air here, which whoever asked did not know of; it is to be asked again. */
  function forget(tenant: string, at: number): boolean {
    try {
      while (rollUps.forget(tenant, FORGET_AT_ONCE, at).more);
      return true;
    } catch (error) {
      if (error instanceof GatewayError && error.failure === 'invalid_request') return false;
      throw error;
    }
  }

  function replayAll(entries: readonly Entry[]): number {
    let skipped = 0;
    for (const { change, at } of entries) if (!replay(change, at)) skipped += 1;
    return skipped;
  }

  function adopt({ position, at, accounts, open: held, ended }: Snapshot): MirrorTold {
    for (const each of held) open(each.hold, each.run, each.at);
    const told = new Map(ended.map((each) => [each.id, each]));
    for (const { hold, at: begun } of knownHolds(Infinity, null)) {
      const now = told.get(hold.id);
      // What Redis has lost is told it again by whoever has it; what it has forgotten is in the sums below.
      if (now === undefined && begun < at - FORGOTTEN_MS) books.release(hold.id, 'forgotten', at);
      if (now === undefined || now.state === 'held') continue;
      if (now.state === 'settled') books.settle(hold.id, now.ended, at);
      else if (now.state === 'released') books.release(hold.id, now.ended.outcome, at);
      else books.expire([hold.id], at);
      deleteOpen.run(hold.id);
    }
    let carriedNanos = 0;
    for (const { key, spent } of accounts) {
      const more = spent - books.balance(key).spentNanos;
      if (more <= 0) continue;
      carriedNanos += more;
      carry(key, more, position, at);
    }
    follow(position);
    return { carriedNanos };
  }

  function carry(key: string, nanos: number, { epoch, id }: Position, at: number): void {
    const hold = `${CARRIED}${epoch}:${id}:${key}`;
    const who = { tenant: '', keyId: '', model: '', upstream: '', tier: null, user: null, tags: {} };
    books.record({ id: hold, ...who, leaseMs: 0, worstNanos: 0, accounts: [{ key }] }, at);
    books.settle(hold, { nanos, outcome: 'carried', ...UNCOUNTED }, at);
  }

  function knownHolds(since: number, ids: readonly string[] | null): readonly KnownHold[] {
    const rows =
      ids === null
        ? selectHolds.all(Number.isFinite(since) ? BigInt(Math.trunc(since)) : BigInt(Number.MAX_SAFE_INTEGER))
        : ids.map((id) => selectHold.get(id)).filter((row) => row !== undefined);
    return rows.map(knownHold);
  }

  function recall(run: string): Memory {
    const runs = selectRuns.all().map((row) => String(row['run']));
    const known = position();
    const memory: Memory = {
      position: known,
      errands: selectErrands
        .all()
        .map((row) => ({ number: Number(row['number']), errand: JSON.parse(String(row['errand'])) })),
      runs,
      empty: anyHold.get() === undefined,
    };
    insertRun.run(run);
    return memory;
  }

  return {
    perform(operation) {
      switch (operation.verb) {
        case 'recall':
          // What was held before this file ever followed a Redis was held by a run that is dead.
          if (position() === null && selectRuns.get() === undefined) books.expireAll(operation.at);
          return { memory: recall(operation.run) };
        case 'replay': {
          const skipped = replayAll(operation.entries);
          if (operation.position !== null) follow(operation.position);
          return { skipped, forgot: operation.entries.some(({ change }) => change.verb === 'forget') };
        }
        case 'adopt':
          return adopt(operation.snapshot);
        case 'journal':
          return { errand: Number(insertErrand.run(JSON.stringify(operation.errand)).lastInsertRowid) };
        case 'done':
          replayAll(operation.entries);
          for (const number of operation.errands) deleteErrand.run(BigInt(number));
          return {};
        case 'buried':
          deleteRun.run(operation.run);
          return {};
        case 'foresee':
          return { foreseenNanos: books.foresee(operation.adjustment) };
        case 'holds':
          return { holds: knownHolds(operation.since, operation.ids) };
        default:
          return {
            sums: selectSums
              .all(BigInt(Math.trunc(operation.before)))
              .map((row) => ({ key: String(row['key']), nanos: Number(row['nanos']) })),
          };
      }
    },
  };
}

function knownHold(row: Readonly<Record<string, unknown>>): KnownHold {
  const text = (name: string): string => (typeof row[name] === 'string' ? row[name] : '');
  const ended: Ended = {
    nanos: Number(row['charged']),
    outcome: text('outcome'),
    pictures: Number(row['pictures']),
    tokens: Number(row['tokens']),
  };
  return {
    hold: {
      id: text('id'),
      tenant: text('tenant'),
      keyId: text('key_id'),
      model: text('model'),
      upstream: text('upstream'),
      tier: text('tier') || null,
      user: text('user') || null,
      tags: JSON.parse(text('tags')) as Recorded['tags'],
      leaseMs: Number(row['lease_until']) - Number(row['at']),
      worstNanos: Number(row['worst']),
      accounts: (JSON.parse(text('accounts')) as string[]).map((key) => ({ key })),
    },
    run: text('run'),
    at: Number(row['at']),
    state: row['state'] as KnownHold['state'],
    ended,
  };
}
