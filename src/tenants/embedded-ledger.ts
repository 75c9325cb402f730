import { dirname, resolve } from 'node:path';
import { GatewayError } from '../errors.ts';
import type { Balance } from './budget.ts';
import { booksIn } from './embedded-books.ts';
import type { Books, Ended, Expired } from './embedded-books.ts';
import { registryCopyIn } from './embedded-copy.ts';
import type { Copied, RegistryCopyTables, ToCopy } from './embedded-copy.ts';
import { leaveRedis, mirrorIn } from './embedded-mirror.ts';
import type { Mirror } from './embedded-mirror.ts';
import { registryIn } from './embedded-registry.ts';
import type { EmbeddedRegistry, RegistryRows } from './embedded-registry.ts';
import { rollUpsIn } from './embedded-rollup.ts';
import type { KeysOf, Rolled, RollUps } from './embedded-rollup.ts';
import { savedIn } from './embedded-saved.ts';
import type { SavedBatch } from './embedded-saved.ts';
import { SCHEMA_STEPS } from './embedded-schema.ts';
import { wipeIn } from './embedded-wipe.ts';
import type { Wipe } from './embedded-wipe.ts';
import type { MirrorOperation, MirrorTold } from './mirror.ts';
import type { Ask, AuditQuery, AuditRow, RegistryWrite } from './registry-store.ts';
import { inTransaction, isBusy, isStoreFailure, lockDirectory, openDatabase, scrubDatabase } from '../sqlite.ts';
import type { Database } from '../sqlite.ts';
import type { Adjustment, Hold, RollUp } from './state.ts';

/**
 * A verb of the port, as it travels to the ledger's thread. `at` is in unix ms, for the rows. `clock` is in ms of a clock
 * that is never set, and the same for all operations of a run: a lease lasts as long as it says, whatever is done to the
 * clock on the wall. Absent: `at`, from where that is such a clock.
 */
export type Operation =
  | { readonly verb: 'reserve'; readonly holds: readonly Hold[]; readonly at: number; readonly clock?: number }
  | { readonly verb: 'settle'; readonly id: string; readonly ended: Ended; readonly at: number }
  | { readonly verb: 'release'; readonly id: string; readonly outcome: string; readonly at: number }
  | { readonly verb: 'expire'; readonly at: number; readonly clock?: number }
  | { readonly verb: 'refund'; readonly ids: readonly string[]; readonly at: number; readonly ask: Ask | null }
  | { readonly verb: 'adjust'; readonly adjustment: Adjustment; readonly at: number; readonly ask: Ask | null }
  | { readonly verb: 'rollUp'; readonly which: RollUp; readonly most: number; readonly at: number }
  | { readonly verb: 'forget'; readonly tenant: string; readonly most: number; readonly at: number }
  | { readonly verb: 'save'; readonly batch: SavedBatch; readonly at: number }
  | { readonly verb: 'spent'; readonly accountKeys: readonly string[] }
  | { readonly verb: 'registry'; readonly since: number }
  | { readonly verb: 'change'; readonly change: RegistryWrite }
  | { readonly verb: 'audit'; readonly query: AuditQuery }
  /** Writes something, to see whether that can be done. */
  | { readonly verb: 'probe' }
  | { readonly verb: 'copied' }
  | { readonly verb: 'copy'; readonly what: ToCopy }
  /** Refused while the tenant has pictures in the air. */
  | { readonly verb: 'landed'; readonly tenant: string }
  | { readonly verb: 'wiped' }
  | { readonly verb: 'keysOf'; readonly tenant: string }
  | MirrorOperation;

/** What an operation tells beside that it is done; each verb only what concerns it. */
export interface Told extends MirrorTold {
  /** Of `spent`, in the order asked. */
  readonly balances?: readonly Balance[];
  /** Of `expire`: holds whose lease was over. */
  readonly expired?: Expired;
  /** Of `settle`: it came after the hold had expired. */
  readonly late?: boolean;
  /** Of `refund`: the nano-dollars given back for each, 0 where nothing was charged as unknown. */
  readonly refunds?: readonly number[];
  readonly registry?: RegistryRows;
  /** Of `change`: the new revision; null where a record was not as expected. */
  readonly revision?: number | null;
  /** Of `audit`. */
  readonly audit?: readonly AuditRow[];
  /** Of `copied`. */
  readonly copied?: Copied;
  readonly keysOf?: KeysOf;
  /** Of `wiped`: places in the trail of Redis that say nothing any more. */
  readonly wiped?: readonly string[];
  /** Of `adjust`: by how many nano-dollars it cost more than was charged. */
  readonly adjustedNanos?: number;
  /** Of `rollUp` and `forget`. */
  readonly rolled?: Rolled;
  /** Of a scrub: whether the bytes are gone. */
  readonly scrubbed?: boolean;
}

export type Result = { readonly told: Told } | { readonly failed: GatewayError };

/** The verbs of the port in SQLite, synchronous: for a thread of its own, since every commit waits for the disk. */
export interface EmbeddedLedger {
  /** What was charged at the opening. */
  readonly expired: Expired;
  /** One commit for all of them. Each sees what those before it did; one that is refused leaves no trace. */
  commit(operations: readonly Operation[]): readonly Result[];
  /**
   * Writes the file anew, so that the bytes of what was deleted are in it no more: seconds for a large one, in which no
   * commit is made. False: a reader still needs the old bytes, ask again. Throws GatewayError `unavailable`.
   */
  scrub(): boolean;
  close(): void;
}

/** Those who perform the operations. */
interface Clerks {
  readonly books: Books;
  readonly rollUps: RollUps;
  readonly save: (batch: SavedBatch, at: number) => void;
  readonly registry: EmbeddedRegistry;
  readonly copy: RegistryCopyTables;
  readonly wipe: Wipe;
  readonly probe: () => void;
  /** Null: this ledger follows no Redis. */
  readonly mirror: Mirror | null;
}

const STORE_RETRY_SECONDS = 5;

/**
 * Opens or makes the ledger in `file` (or ':memory:') and charges what a dead run left held; not so a `mirror`, which
 * follows a Redis and writes down what is decided there.
 * Throws GatewayError `unavailable`: another process has the directory, or the file cannot be used, and why.
 */
export function openEmbeddedLedger(file: string, at: number, isMirror = false): EmbeddedLedger {
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
    const wipe = wipeIn(open);
    const rollUps = rollUpsIn(open, wipe);
    const save = savedIn(open);
    const registry = registryIn(open, wipe);
    const clerks: Clerks = {
      books,
      mirror: isMirror ? mirrorIn(open, books, rollUps, save) : null,
      rollUps,
      save,
      registry,
      copy: registryCopyIn(open, registry, wipe, rollUps),
      wipe,
      // What is there already; its page is written all the same.
      probe: () => open.exec(`PRAGMA user_version = ${SCHEMA_STEPS.length}`),
    };
    // The directory is ours alone, so whatever is held was held by a run that is dead.
    const expired = isMirror
      ? { holds: 0, nanos: 0 }
      : inTransaction(open, () => {
          leaveRedis(open);
          return clerks.books.expireAll(at);
        });
    return {
      expired,
      commit: (operations) => commit(open, clerks, operations),
      scrub() {
        try {
          return scrubDatabase(open);
        } catch (error) {
          const message = `The ledger ${path} could not be written anew, so what was deleted may still be read from its bytes: ${words(error)}. Try again.`;
          throw new GatewayError('unavailable', message, { retryAfterSeconds: STORE_RETRY_SECONDS }, error);
        }
      },
      close,
    };
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
    throw new GatewayError('unavailable', message, isBusy(error) ? { code: 'directory_taken' } : {}, error);
  }
}

function commit(db: Database, clerks: Clerks, operations: readonly Operation[]): readonly Result[] {
  try {
    return inTransaction(db, () =>
      operations.map((operation): Result => {
        db.exec('SAVEPOINT operation');
        try {
          const told = perform(clerks, operation);
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

function perform(clerks: Clerks, operation: Operation): Told {
  const { books, rollUps, save, registry, copy, wipe, mirror } = clerks;
  switch (operation.verb) {
    case 'spent':
      return { balances: operation.accountKeys.map((key) => books.balance(key)) };
    case 'expire':
      return { expired: books.expireDue(operation.at, operation.clock ?? operation.at) };
    case 'refund':
      return { refunds: refund(books, registry, operation) };
    case 'adjust':
      return { adjustedNanos: adjust(books, registry, operation) };
    case 'rollUp':
      return { rolled: rollUps.rollUp(operation.which, operation.most, operation.at) };
    case 'forget':
      return { rolled: rollUps.forget(operation.tenant, operation.most, operation.at) };
    case 'registry':
      return { registry: registry.load(operation.since) };
    case 'change':
      return { revision: registry.write(operation.change) };
    case 'audit':
      return { audit: registry.audit(operation.query) };
    case 'probe':
      clerks.probe();
      break;
    case 'copied':
      return { copied: copy.read() };
    case 'copy':
      return { forgot: copy.copy(operation.what) };
    case 'wiped':
      return { wiped: wipe.wipedOrigins() };
    case 'keysOf':
      return { keysOf: rollUps.keysOf(operation.tenant) };
    case 'landed':
      wipe.mustHaveLanded(operation.tenant);
      break;
    case 'settle':
      return { late: books.settle(operation.id, operation.ended, operation.at) };
    case 'reserve':
      books.reserve(operation.holds, operation.at, operation.clock ?? operation.at);
      break;
    case 'save':
      save(operation.batch, operation.at);
      break;
    case 'release':
      books.release(operation.id, operation.outcome, operation.at);
      break;
    default:
      if (mirror === null) throw new GatewayError('internal', 'This ledger follows no Redis.');
      return mirror.perform(operation);
  }
  return {};
}

function refund(
  books: Books,
  registry: EmbeddedRegistry,
  { ids, at, ask }: Extract<Operation, { readonly verb: 'refund' }>,
): readonly number[] {
  const nanos = ids.map((id) => books.refund(id, at));
  const refunded = ids.flatMap((hold, index) => (nanos[index]! > 0 ? [{ hold, nanos: nanos[index]! }] : []));
  if (ask !== null)
    registry.note({
      ...ask,
      before: null,
      after: { refunded },
      amountNanos: null,
      result: refunded.length > 0 ? 'done' : 'nothing_to_refund',
    });
  return nanos;
}

function adjust(
  books: Books,
  registry: EmbeddedRegistry,
  { adjustment, at, ask }: Extract<Operation, { readonly verb: 'adjust' }>,
): number {
  const nanos = books.adjust(adjustment, at);
  if (ask !== null)
    registry.note({
      ...ask,
      before: null,
      after: { ...adjustment, changed: nanos },
      amountNanos: nanos,
      result: 'done',
    });
  return nanos;
}

function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('internal', 'The ledger could not make sense of this entry.', {}, error);
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
