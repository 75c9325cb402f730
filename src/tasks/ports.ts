import type { JsonObject } from '../wire/json.ts';

/** Where answers wait to be collected. */
export interface AnswerStore {
  /** Whether there is room for so many bytes that stay until they expire. */
  mayKeep(tenant: string, bytes: number): Promise<boolean>;
  /** The bytes it counts for, once it is as safe as can be; null when it is not kept. */
  put(place: Place, answer: Keeping): Promise<number | null>;
  get(place: Place): Promise<{ readonly about: JsonObject; readonly body: JsonObject } | null>;
  delete(place: Place): Promise<void>;
}

export interface Place {
  readonly tenant: string;
  readonly id: string;
}

export interface Keeping {
  readonly about: JsonObject;
  readonly body: JsonObject;
  readonly model: string;
  readonly expiresAt: number;
}

/** What is known of tasks over a restart. None of it ever throws. */
export interface TaskBook {
  keep(row: Row): Promise<boolean>;
  drop(place: Place): void;
}

/** What instances know of each other's tasks. None of it ever throws. */
export interface SharedTaskBook {
  /** `isOrphaned`: the instance that had it is not heard of any more. `unknown`: nobody can say now. */
  find(place: Place): Promise<{ readonly record: string; readonly isOrphaned: boolean } | 'unknown' | null>;
  /** The newest task of a tenant that was kept under the digest of an Idempotency-Key. */
  under(tenant: string, retry: string): Promise<string | null>;
  /** Tells whoever has it that nobody wants it, or its answer, any more. */
  cancel(place: Place): void;
  /** Hears of that, until the function is called. */
  onCancel(hear: (place: Place) => void): () => void;
  /** Hears that not all is known any more that was kept, until the function is called: it is to be kept again. */
  onLost(hear: () => void): () => void;
}

export interface Row {
  readonly id: string;
  readonly tenant: string;
  readonly record: string;
  readonly retry: string | null;
  readonly endsAt: number;
}
