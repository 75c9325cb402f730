/** One thing that was measured, at one scale. */
export interface ScaleRow {
  /** What there is so many of; null: it has no scale. */
  readonly subject: Subject | null;
  readonly count: number;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** DESIGN.md calls it a goal. */
  readonly most?: number;
}

export type Subject =
  | 'generations in the air'
  | 'identical requests at once'
  | 'replies of 20 MB at once'
  | 'tenants'
  | 'entries on disk';

/** What a part of the bench is given. */
export interface ScaleOptions {
  /** Without the largest of each. */
  readonly isQuick: boolean;
}

/** All of them, or without the largest. */
export function scalesOf(counts: readonly number[], { isQuick }: ScaleOptions): readonly number[] {
  return isQuick ? counts.slice(0, -1) : counts;
}
