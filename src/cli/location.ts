import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadConfig } from '../config.ts';
import type { Surroundings } from './command.ts';

/** For `parseArgs`: every command takes them. */
export const LOCATION_OPTIONS = {
  'data-dir': { type: 'string' },
  config: { type: 'string' },
  simulator: { type: 'boolean', default: false },
} as const;

export const LOCATION_HELP = `Which ledger:
  --data-dir DIR     the gateway's data directory (also: DATA_DIR), else
  --config FILE      the one this configuration names, else that of config/plantain.yaml
  --simulator        the ledger of simulated pictures, which has a directory of its own`;

export interface Location {
  readonly 'data-dir'?: string | undefined;
  readonly config?: string | undefined;
  readonly simulator: boolean;
}

/** The ledger's file. Where only the simulator ever drew, its ledger is the only one; a note says which is read. */
export function locateLedger(asked: Location, { environment, workingDirectory, note }: Surroundings): string {
  const directory = resolve(workingDirectory, asked['data-dir'] ?? configured(asked, environment, workingDirectory));
  const real = join(directory, 'ledger.db');
  const simulated = join(directory, 'simulator', 'ledger.db');
  const file = asked.simulator || (!existsSync(real) && existsSync(simulated)) ? simulated : real;
  note(`ledger: ${file}\n`);
  return file;
}

function configured({ config }: Location, environment: Surroundings['environment'], workingDirectory: string): string {
  const fromEnvironment = environment['DATA_DIR']?.trim() ?? '';
  if (config === undefined && fromEnvironment !== '') return fromEnvironment;
  return loadConfig({ file: config ?? null, environment, workingDirectory }).dataDir;
}
