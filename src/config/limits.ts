import { isIP } from 'node:net';
import type { Report } from './mistakes.ts';
import type { LimitsFile } from './schema/limits.ts';
import type { LimitsConfig } from './shape.ts';

export function readLimits(limits: LimitsFile | undefined): LimitsConfig | null {
  if (limits === undefined) return null;
  const { requestsPerMinute = null, imagesPerMinute = null, concurrentImages = null, mode } = limits;
  return { requestsPerMinute, imagesPerMinute, concurrentImages, mode };
}

export function checkTrustProxy(ranges: readonly string[], report: Report): void {
  for (const [index, range] of ranges.entries()) {
    const [address = '', bits = '0'] = range.split('/');
    const most = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
    if (Number(bits) > most)
      report.mistake(['trustProxy', index], `${range} is no IP address, and no range of them such as 10.0.0.0/8`);
  }
}
