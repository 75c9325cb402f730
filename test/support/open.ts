import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startGateway } from './gateway.ts';
import type { TestGateway, TestGatewayOptions } from './gateway.ts';

// What one test opens, and is gone with it.

/** Closed at the end of the test, if not before. */
export async function openGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway({ simulator: { signatureBytes: 5_000 }, ...options });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (isOpen) await gateway.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...gateway, close };
}

export function openDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
