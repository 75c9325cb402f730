import { closeSync, fsyncSync, openSync, rmSync, statSync } from 'node:fs';
import { openLedgerFile } from './ledger-reader.ts';

/**
 * Copies a ledger as it stands at one moment, of any version, whether or not a gateway is writing to it. The copy is
 * on disk when it returns: its size in bytes. Throws Error: `target` exists, or cannot be written.
 */
export function backUpLedger(ledger: string, target: string): number {
  const db = openLedgerFile(ledger);
  try {
    makeNew(target);
    try {
      db.prepare('VACUUM INTO ?').run(target);
      const copy = openSync(target, 'r+');
      fsyncSync(copy);
      closeSync(copy);
    } catch (error) {
      rmSync(target, { force: true });
      throw error;
    }
  } finally {
    db.close();
  }
  return statSync(target).size;
}

/** For its owner alone: SQLite fills an empty file, and leaves its mode as it is. */
function makeNew(target: string): void {
  try {
    closeSync(openSync(target, 'wx', 0o600));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(code === 'EEXIST' ? `${target} exists, and is not overwritten.` : message, { cause: error });
  }
}
