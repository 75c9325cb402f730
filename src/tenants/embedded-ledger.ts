import { dirname, resolve } from 'node:path';
import { GatewayError } from '../errors.ts';
import type { Balance } from './budget.ts';
import { booksIn } from './embedded-books.ts';
import type { Books, Ended, Expired } from './embedded-books.ts';
import { SCHEMA_STEPS } from './embedded-schema.ts';
import { inTransaction, isBusy, isStoreFailure, lockDirectory, openDatabase } from '../sqlite.ts';
import type { Database } from '../sqlite.ts';
import type { Hold } from './state.ts';

/** A verb of the port, as it travels to the ledger's thread. `at` is in unix ms. */
export type Operation =
  | { readonly verb: 'reserve'; readonly holds: readonly Hold[]; readonly at: number }
  | { readonly verb: 'settle'; readonly id: string; readonly ended: Ended; readonly at: number }
  | { readonly verb: 'release'; readonly id: string; readonly outcome: string; readonly at: number }
  | { readonly verb: 'expire'; readonly at: number }
  | { readonly verb: 'refund'; readonly id: string; readonly at: number }
  | { readonly verb: 'spent'; readonly accountKeys: readonly string[] };

/** What an operation tells beside that it is done; each verb only what concerns it. */
export interface Told {
  /** Of `spent`, in the order asked. */
  readonly balances?: readonly Balance[];
  /** Of `expire`: holds whose lease was over. */
  readonly expired?: Expired;
  /** Of `settle`: it came after the hold had expired. */
  readonly late?: boolean;
  /** Of `refund`: the nano-dollars given back, 0 where nothing was charged as unknown. */
  readonly refundedNanos?: number;
}

export type Result = { readonly told: Told } | { readonly failed: GatewayError };

/** The verbs of the port in SQLite, synchronous: for a thread of its own, since every commit waits for the disk. */
export interface EmbeddedLedger {
  /** What was charged at the opening. */
  readonly expired: Expired;
  /** One commit for all of them. Each sees what those before it did; one that is refused leaves no trace. */
  commit(operations: readonly Operation[]): readonly Result[];
  close(): void;
}

const STORE_RETRY_SECONDS = 5;

/**
 * Opens or makes the ledger in `file` (or ':memory:') and charges what a dead run left held.
 * Throws GatewayError `unavailable`: another process has the directory, or the file cannot be used, and why.
 */
export function openEmbeddedLedger(file: string, at: number): EmbeddedLedger {
  const path = file === ':memory:' ? file : resolve(file);
  const lock = path === ':memory:' ? null : takeDirectory(dirname(path));
  let db: Database | undefined;
  const close = (): void => {
    db?.close();
    lock?.close();
  };
  try {
    const open = (db = openDatabase(path, SCHEMA_STEPS));
    const books = booksIn(open);
    // The directory is ours alone, so whatever is held was held by a run that is dead.
    const expired = inTransaction(open, () => books.expireAll(at));
    return { expired, commit: (operations) => commit(open, books, operations), close };
  } catch (error) {
    close();
    throw new GatewayError('unavailable', `The ledger ${path} cannot be opened: ${words(error)}.`, {}, error);
  }
}

function takeDirectory(directory: string): Database {
  try {
    return lockDirectory(directory);
  } catch (error) {
    const message = isBusy(error)
      ? `The data directory ${directory} is in use by another Plantain process. Stop that one, or give this one another.`
      : `The data directory ${directory} cannot be used: ${words(error)}.`;
    throw new GatewayError('unavailable', message, {}, error);
  }
}

function commit(db: Database, books: Books, operations: readonly Operation[]): readonly Result[] {
  try {
    return inTransaction(db, () =>
      operations.map((operation): Result => {
        db.exec('SAVEPOINT operation');
        try {
          const told = perform(books, operation);
          db.exec('RELEASE operation');
          return { told };
        } catch (error) {
          // Then no operation is safely written, not even those that went well.
          if (isStoreFailure(error)) throw error;
          db.exec('ROLLBACK TO operation; RELEASE operation');
          return { failed: asGatewayError(error) };
        }
      }),
    );
  } catch (error) {
    const message =
      'The ledger cannot be written now, and nothing that costs money is sent without it. Try again later.';
    const failed = new GatewayError('unavailable', message, { retryAfterSeconds: STORE_RETRY_SECONDS }, error);
    return operations.map(() => ({ failed }));
  }
}

function perform(books: Books, operation: Operation): Told {
  switch (operation.verb) {
    case 'spent':
      return { balances: operation.accountKeys.map((key) => books.balance(key)) };
    case 'expire':
      return { expired: books.expireDue(operation.at) };
    case 'refund':
      return { refundedNanos: books.refund(operation.id, operation.at) };
    case 'settle':
      return { late: books.settle(operation.id, operation.ended, operation.at) };
    case 'reserve':
      books.reserve(operation.holds, operation.at);
      break;
    case 'release':
      books.release(operation.id, operation.outcome, operation.at);
      break;
  }
  return {};
}

function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('internal', 'The ledger could not make sense of this entry.', {}, error);
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
