import type { Card } from './store.ts';

/** Of the rows of an entry in all tables and indexes, roughly. */
const ROW_BYTES = 512;

export function sizeOfHead({ head }: Pick<Card, 'head'>): number {
  return Buffer.byteLength(head) + ROW_BYTES;
}

/** What an entry counts for: its head, its rows, and each of its blobs. */
export function sizeOfCard(card: Pick<Card, 'head' | 'blobs'>): number {
  return card.blobs.reduce((sum, { byteLength }) => sum + byteLength, sizeOfHead(card));
}
