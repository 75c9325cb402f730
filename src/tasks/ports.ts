import type { JsonObject } from '../wire/json.ts';

/** Where answers wait to be collected. */
export interface AnswerStore {
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

/** What instances know of each other's tasks. None of it ever throws: what cannot be told is not known. */
export interface SharedTaskBook {
  /** `isOrphaned`: the instance that had it is not heard of any more. */
  find(place: Place): Promise<{ readonly record: string; readonly isOrphaned: boolean } | null>;
  /** The newest task of a tenant that was kept under the digest of an Idempotency-Key. */
  under(tenant: string, retry: string): Promise<string | null>;
  /** Tells whoever has it that nobody wants it any more. */
  cancel(place: Place): void;
  /** Hears of that, until the function is called. */
  onCancel(hear: (place: Place) => void): () => void;
}

export interface Row {
  readonly id: string;
  readonly tenant: string;
  readonly record: string;
  readonly retry: string | null;
  readonly endsAt: number;
}
