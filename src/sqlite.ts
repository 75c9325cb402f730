import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export type Database = DatabaseSync;

/** A database that only a newer Plantain can read. */
export class NewerSchema extends Error {
  override readonly name = 'NewerSchema';
}

/** Nobody writes to our files but us: a lock on one is a stranger's, such as a shell's, and not worth a long wait. */
const BUSY_MS = 250;
/** Ids are random, so a write touches pages all over a large file: with SQLite's own 2 MB it waits for the disk twice as long. */
const CACHE_KIB = 16_384;
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

/**
 * `FULL`: a commit survives a power cut. `NORMAL`: it survives the process, and a power cut may take the last ones, whole.
 * https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export type Durability = 'FULL' | 'NORMAL';

/** Opens or makes a database, and takes its schema through the `steps` it has not seen yet: step n leads from `user_version` n to n + 1. */
export function openDatabase(path: string, steps: readonly string[], durability: Durability = 'FULL'): Database {
  if (path !== ':memory:') makePrivate(path);
  const db = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability}; PRAGMA cache_size = -${CACHE_KIB}`);
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > steps.length)
      throw new NewerSchema(`it was written by a newer Plantain (schema ${version}; this one knows ${steps.length})`);
    for (const [index, step] of steps.entries())
      if (index >= version) inTransaction(db, () => db.exec(`${step}; PRAGMA user_version = ${index + 1}`));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Makes an empty file that is its owner's alone, where there is none: SQLite would let everybody read it. The files it
 * puts beside one take over its mode. An existing one is not even opened: closing it would give up our locks on it.
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Opens a database that another process may be writing to, for reading alone. Integers come as bigint: sums are exact. */
export function openReadOnly(path: string): Database {
  return new DatabaseSync(path, { readOnly: true, readBigInts: true, timeout: BUSY_MS });
}

/**
 * Writes the file anew, and empties its log: what was deleted is in the bytes of neither. False: a reader of an older
 * state keeps the log from being emptied.
 */
export function scrubDatabase(db: Database): boolean {
  const empty = (): boolean => db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'] === 0;
  if (!empty()) return false;
  db.exec('VACUUM');
  return empty();
}

/** All of the work or none of it. */
export function inTransaction<T>(db: Database, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // After some failures, a full disk for one, SQLite has ended the transaction by itself.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/**
 * Takes a directory, made if need be, for this process alone. SQLite's lock on the file `lock` dies with its process,
 * however that ends; nothing is written, so nothing is left behind. Others may still read what is in the directory.
 */
export function lockDirectory(directory: string): Database {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'lock');
  makePrivate(path);
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** What is in the file is no database, or no longer one: nothing will be read from it. */
export function isDamaged(error: unknown): boolean {
  const code = primaryCode(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

/** The file or its disk failed, rather than a rule of the schema or the words asked of it. */
export function isStoreFailure(error: unknown): boolean {
  const code = primaryCode(error);
  return code !== null && code !== SQLITE_CONSTRAINT;
}

/** https://www.sqlite.org/rescode.html: the low byte of an extended result code is its primary one. */
function primaryCode(error: unknown): number | null {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : null;
  return typeof code === 'number' ? code & 0xff : null;
}
