import type { ScaleRow } from './row.ts';
export function plotOf(rows: readonly ScaleRow[]): string {
  return `<svg>${rows.length}</svg>`;
}
