import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { UsageTask } from './embedded-usage.ts';
import type { UsageQuery, UsageReport } from './ledger-usage.ts';
import type { Verification } from './ledger-verify.ts';

/** Verifies a ledger's file in a thread of its own, beside the gateway that writes it. */
export function auditLedger(file: string): Promise<Verification> {
  return inThread('embedded-audit', file);
}

/** What was spent, and on what, by the file of a ledger; read in a thread of its own, as long as that takes. */
export function usageOf(file: string, query: UsageQuery, most: number): Promise<UsageReport> {
  return inThread('embedded-usage', { file, query, most } satisfies UsageTask);
}

/** The one message of a thread that has one task. */
function inThread<Result>(script: string, workerData: unknown): Promise<Result> {
  // The same file beside this one, whether it runs as TypeScript or was emitted as JavaScript.
  const url = new URL(`./${script}${extname(import.meta.filename)}`, import.meta.url);
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const worker = new Worker(url, { name: script, workerData });
  worker.unref();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('a reading of the ledger ended without a result')));
  return promise;
}
