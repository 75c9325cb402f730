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
  drop(id: string): void;
}

export interface Row {
  readonly id: string;
  readonly tenant: string;
  readonly record: string;
  readonly endsAt: number;
}
