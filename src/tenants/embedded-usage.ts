import { parentPort, workerData } from 'node:worker_threads';
import { openLedgerReader } from './ledger-reader.ts';
import { reportUsage } from './ledger-usage.ts';
import type { UsageQuery } from './ledger-usage.ts';

export interface UsageTask {
  readonly file: string;
  readonly query: UsageQuery;
  /** Groups at most. */
  readonly most: number;
}

/** A thread's one task: a report of very many rows takes a while, in which requests are served. */
const { file, query, most } = workerData as UsageTask;
const db = openLedgerReader(file);
try {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort!.postMessage(reportUsage(db, query, most));
} finally {
  db.close();
}
