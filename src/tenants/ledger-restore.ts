import { copyFileSync, existsSync, fsyncSync, linkSync, openSync, closeSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { backUpLedger } from './ledger-backup.ts';
import { openLedgerReader } from './ledger-reader.ts';
import { readUsage } from './ledger-usage.ts';
import { verifyLedger } from './ledger-verify.ts';
import { SCHEMA_STEPS } from './embedded-schema.ts';
import { isBusy, lockDirectory, openDatabase } from '../sqlite.ts';

/** What came of putting a copy back. */
export interface Restored {
  /** Where the ledger is that was replaced; null: there was none. */
  readonly aside: string | null;
  /** Tenants whose spending differs, with the nano-dollars that are not counted any more; null: it cannot be read. */
  readonly uncounted: readonly { readonly tenant: string; readonly nanos: bigint }[] | null;
}

/**
 * Puts a copy in the place of a ledger that no gateway has open. The copy is brought up to date and verified before
 * anything is touched; the ledger that was there is kept beside it. A crash leaves the one or the other, whole.
 * Throws Error: the directory is taken, or the copy is damaged.
 */
export function restoreLedger(copy: string, ledger: string, stamp: string): Restored {
  const directory = dirname(ledger);
  const lock = take(directory);
  try {
    const ready = `${ledger}.restoring`;
    for (const leftover of withCompanions(ready)) rmSync(leftover, { force: true });
    prepare(copy, ready);
    const there = existsSync(ledger);
    const spentNow = there ? settled(ledger) : new Map<string, bigint>();
    const spentThen = spent(ready);
    // What reading leaves behind.
    for (const companion of withCompanions(ready).slice(1)) rmSync(companion, { force: true });
    const aside = there ? join(directory, `ledger-replaced-${stamp}.db`) : null;
    if (aside !== null) keep(spentNow === null ? withCompanions(ledger) : [ledger], withCompanions(aside));
    // A log that is not this file's own would be played back onto it.
    for (const companion of withCompanions(ledger).slice(1)) rmSync(companion, { force: true });
    renameSync(ready, ledger);
    flush(directory);
    return { aside, uncounted: spentNow === null ? null : difference(spentNow, spentThen) };
  } finally {
    lock.close();
  }
}

function take(directory: string): { close(): void } {
  try {
    return lockDirectory(directory);
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new Error(`The data directory ${directory} is in use: stop its gateway first.`, { cause: error });
  }
}

/** A file that is ready to be the ledger: of one piece, of our schema, verified, and on disk. */
function prepare(copy: string, ready: string): void {
  try {
    backUpLedger(copy, ready);
    openDatabase(ready, SCHEMA_STEPS).close();
    const db = openLedgerReader(ready);
    try {
      const damage = db.prepare('PRAGMA integrity_check').all();
      const { drifts } = verifyLedger(db);
      const faults = [
        ...damage.map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok'),
        ...drifts,
      ];
      if (faults.length > 0) throw new Error(`${faults.length} faults, the first: ${faults[0]}`);
    } finally {
      db.close();
    }
    const file = openSync(ready, 'r+');
    fsyncSync(file);
    closeSync(file);
  } catch (error) {
    for (const leftover of withCompanions(ready)) rmSync(leftover, { force: true });
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The copy ${copy} cannot be restored, and nothing was changed: ${why}`, { cause: error });
  }
}

/** What its tenants spent; its log is played back, so that the file is whole by itself. Null: it is damaged. */
function settled(ledger: string): Map<string, bigint> | null {
  try {
    openDatabase(ledger, SCHEMA_STEPS).close();
    return spent(ledger);
  } catch {
    // That may be why a copy is put back. It is kept as it is.
    return null;
  }
}

function spent(file: string): Map<string, bigint> {
  const db = openLedgerReader(file);
  try {
    const rows = readUsage(db, { by: ['tenant'], tenant: null, upstream: null, since: null, until: null });
    return new Map(rows.map(({ by: [tenant = ''], sums }) => [tenant, sums.spentNanos + sums.heldNanos]));
  } finally {
    db.close();
  }
}

function difference(now: ReadonlyMap<string, bigint>, then: ReadonlyMap<string, bigint>) {
  return [...new Set([...now.keys(), ...then.keys()])]
    .map((tenant) => ({ tenant, nanos: (now.get(tenant) ?? 0n) - (then.get(tenant) ?? 0n) }))
    .filter(({ nanos }) => nanos !== 0n);
}

/** A second name for the same bytes, and where a disk has none, a copy: the first name is never without a ledger. */
function keep(files: readonly string[], targets: readonly string[]): void {
  for (const [index, file] of files.entries()) {
    if (!existsSync(file)) continue;
    const target = targets[index]!;
    try {
      linkSync(file, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
      copyFileSync(file, target);
    }
    flush(dirname(target));
  }
}

function withCompanions(file: string): readonly string[] {
  return [file, `${file}-wal`, `${file}-shm`];
}

/** What was renamed stays so after a power cut. */
function flush(directory: string): void {
  const handle = openSync(directory, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
