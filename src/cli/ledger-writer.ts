import { GatewayError } from '../errors.ts';
import { openEmbeddedLedger } from '../tenants/embedded-ledger.ts';
import type { EmbeddedLedger } from '../tenants/embedded-ledger.ts';
import { isMirror } from '../tenants/embedded-mirror.ts';
import { openLedgerFile } from '../tenants/ledger-reader.ts';
import { adminApi, adminKey } from './admin/call.ts';
import type { AdminApi } from './admin/call.ts';
import type { Surroundings } from './command.ts';
import { locateLedger } from './location.ts';
import type { Location } from './location.ts';

export interface WriterOptions extends Location {
  readonly admin?: string | undefined;
}

export const WRITER_OPTIONS = { admin: { type: 'string' } } as const;

interface Ways<T> {
  /** In the file, which nobody else has. `at` is in unix ms. */
  readonly inFile: (ledger: EmbeddedLedger, at: number) => T | Promise<T>;
  /** By the gateway that has it. */
  readonly byGateway: (api: AdminApi) => Promise<T>;
}

/**
 * Changes a ledger: in its file where no gateway is running, else over that gateway's admin API. A file that follows a
 * Redis is never changed by us: nobody else would hear of it, and what others have in the air would be charged here.
 */
export async function changeLedger<T>(options: WriterOptions, surroundings: Surroundings, ways: Ways<T>): Promise<T> {
  const file = locateLedger(options, surroundings);
  if (followsRedis(file)) {
    if (adminKey(surroundings) === null)
      throw new Error(
        `The ledger ${file} follows a Redis, and only a running gateway can change what all instances share: start one of them with PLANTAIN_ADMIN_KEY, set it here too, and name its admin API (--admin URL). Nothing was changed.`,
      );
    return ways.byGateway(adminApi(options, surroundings));
  }
  const at = Date.now();
  let ledger: EmbeddedLedger;
  try {
    ledger = openEmbeddedLedger(file, at);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.detail.code !== 'directory_taken') throw error;
    if (adminKey(surroundings) === null)
      throw new Error(`${error.message} Or set PLANTAIN_ADMIN_KEY, and the gateway does it itself.`, { cause: error });
    return ways.byGateway(adminApi(options, surroundings));
  }
  try {
    return await ways.inFile(ledger, at);
  } finally {
    ledger.close();
  }
}

/** Throws Error where there is none: opening it to write would make one. */
function followsRedis(file: string): boolean {
  const db = openLedgerFile(file);
  try {
    return isMirror(db);
  } finally {
    db.close();
  }
}
