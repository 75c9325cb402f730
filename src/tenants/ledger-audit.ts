import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Verification } from './ledger-verify.ts';

/** Verifies a ledger's file in a thread of its own, beside the gateway that writes it. */
export function auditLedger(file: string): Promise<Verification> {
  const script = new URL(`./embedded-audit${extname(import.meta.filename)}`, import.meta.url);
  const { promise, resolve, reject } = Promise.withResolvers<Verification>();
  const worker = new Worker(script, { name: 'ledger audit', workerData: file });
  worker.unref();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the audit of the ledger ended without a result')));
  return promise;
}
