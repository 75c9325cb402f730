import { parentPort, workerData } from 'node:worker_threads';
import { openLedgerReader } from './ledger-reader.ts';
import { verifyLedger } from './ledger-verify.ts';

/** A thread's one task: a verification takes seconds, in which the ledger's own thread goes on committing. */
const db = openLedgerReader(String(workerData));
try {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort!.postMessage(verifyLedger(db));
} finally {
  db.close();
}
