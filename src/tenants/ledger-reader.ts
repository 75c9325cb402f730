import { existsSync } from 'node:fs';
import { SCHEMA_STEPS } from './embedded-schema.ts';
import { openReadOnly } from '../sqlite.ts';
import type { Database } from '../sqlite.ts';

/** Reports jump about in what a gateway wrote in the order of time. */
const CACHE_KIB = 65_536;

/**
 * Opens a ledger for reading, whether a gateway is running on it or not: what is read is one moment's state, and nobody
 * waits for the reader. Throws Error with words for whoever named the file.
 */
export function openLedgerReader(file: string): Database {
  const db = openLedgerFile(file);
  try {
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version < SCHEMA_STEPS.length)
      throw new Error(
        `The ledger ${file} was written by an older Plantain (schema ${version}): start this one on it once, which brings it up to date.`,
      );
    if (version > SCHEMA_STEPS.length)
      throw new Error(
        `The ledger ${file} was written by a newer Plantain (schema ${version}; this one knows ${SCHEMA_STEPS.length}).`,
      );
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}; BEGIN`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The same for a ledger of any version, whose tables may be other than ours. */
export function openLedgerFile(file: string): Database {
  if (existsSync(file)) return openReadOnly(file);
  throw new Error(`There is no ledger ${file}: no gateway has run on that directory yet.`);
}
