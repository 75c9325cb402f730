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
  readonly inFile: (ledger: EmbeddedLedger, at: number) => T;
  /** In the file of a gateway that shares a Redis, which decides: what is left there it is told at the next start. */
  readonly inMirror: (ledger: EmbeddedLedger) => T;
  /** By the gateway that has it. */
  readonly byGateway: (api: AdminApi) => Promise<T>;
}

/** Changes a ledger: in its file where no gateway is running, else over that gateway's admin API. */
export async function changeLedger<T>(options: WriterOptions, surroundings: Surroundings, ways: Ways<T>): Promise<T> {
  const file = locateLedger(options, surroundings);
  // Opening it to write would make one.
  const opened = openLedgerFile(file);
  const follows = isMirror(opened);
  opened.close();
  const at = Date.now();
  let ledger: EmbeddedLedger;
  try {
    ledger = openEmbeddedLedger(file, at, follows);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.detail.code !== 'directory_taken') throw error;
    if (adminKey(surroundings) === null)
      throw new Error(`${error.message} Or set PLANTAIN_ADMIN_KEY, and the gateway does it itself.`, { cause: error });
    return ways.byGateway(adminApi(options, surroundings));
  }
  try {
    return follows ? ways.inMirror(ledger) : ways.inFile(ledger, at);
  } finally {
    ledger.close();
  }
}
