import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** The least ledger there can be: a row for each time it is asked, on the disk before it answers, those of one turn in one commit. */
export interface BoundLedger {
  write(): Promise<void>;
}

export function openLedger(): BoundLedger {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-bench-bound-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const worker = new Worker(new URL(import.meta.url), { workerData: join(directory, 'ledger') });
  const asked: (() => void)[] = [];
  let waiting = 0;
  worker.on('message', (count: number) => {
    for (const answer of asked.splice(0, count)) answer();
  });
  const send = (): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(waiting);
    waiting = 0;
  };
  return {
    write() {
      const { promise, resolve } = Promise.withResolvers<void>();
      asked.push(resolve);
      if ((waiting += 1) === 1) setImmediate(send);
      return promise;
    },
  };
}

if (!isMainThread) keepRows();

function keepRows(): void {
  const database = new DatabaseSync(workerData as string);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, nanos INTEGER)',
  );
  const insert = database.prepare('INSERT INTO rows (nanos) VALUES (?)');
  parentPort!.on('message', (count: number) => {
    database.exec('BEGIN');
    for (let row = 0; row < count; row += 1) insert.run(50_000_000);
    database.exec('COMMIT');
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    parentPort!.postMessage(count);
  });
}
