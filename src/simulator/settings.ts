import type { Pricing } from './bill.ts';
import type { SentFormat } from './pictures.ts';

/** What may be changed while the simulator runs. */
export interface Settings {
  /** Milliseconds from a request to its answer. */
  latencyMs: number;
  /** What pictures are sent as, unless `responseFormat.image.mimeType` asks: the vendor today sends JPEG. */
  format: SentFormat;
  /** Length of each thought signature in base64, at least 64; `recorded`: 1.1 to 2.9 MB, as the vendor's are. */
  signatureBytes: number | 'recorded';
  pricing: Pricing;
  /** Queries to search engines that each month has free: 5,000 at Google. */
  freeSearches: number;
}

export const DEFAULT_SETTINGS: Readonly<Settings> = {
  latencyMs: 0,
  format: 'jpeg',
  signatureBytes: 'recorded',
  pricing: 'google',
  freeSearches: 5000,
};

const MAX_LATENCY_MS = 600_000;
const MAX_SIGNATURE_BYTES = 64_000_000;
const MAX_FREE_SEARCHES = 1_000_000_000;

const CHECKS = {
  latencyMs: [(value) => isWhole(value, MAX_LATENCY_MS), `a whole number of milliseconds up to ${MAX_LATENCY_MS}`],
  format: [(value) => value === 'png' || value === 'jpeg', '"png" or "jpeg"'],
  signatureBytes: [
    (value) => value === 'recorded' || isWhole(value, MAX_SIGNATURE_BYTES),
    `"recorded" or a whole number up to ${MAX_SIGNATURE_BYTES}`,
  ],
  pricing: [(value) => value === 'google' || value === 'reseller', '"google" or "reseller"'],
  freeSearches: [
    (value) => isWhole(value, MAX_FREE_SEARCHES),
    `a whole number of searches a month up to ${MAX_FREE_SEARCHES}`,
  ],
} as const satisfies Record<keyof Settings, readonly [check: (value: unknown) => boolean, allowed: string]>;

/** Reads settings somebody wrote by hand; throws what is wrong with them. */
export function parseSettings(value: unknown): Partial<Settings> {
  if (typeof value !== 'object' || value === null) throw new TypeError('settings are an object: {"latencyMs": 500}');
  for (const [name, setting] of Object.entries(value)) {
    if (!isSetting(name)) throw new TypeError(`no setting "${name}": ${Object.keys(CHECKS).join(', ')}`);
    const [check, allowed] = CHECKS[name];
    if (!check(setting)) throw new TypeError(`"${name}" is ${allowed}`);
  }
  return value;
}

function isSetting(name: string): name is keyof Settings {
  return Object.hasOwn(CHECKS, name);
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;
}
