import { bareName } from './model.ts';
import type { Model } from './model.ts';

/** What a caller is to know of the name it used for a model. Dates are ISO, without a time. */
export interface Retirement {
  /** One of the names in the models' data, never a caller's own spelling. */
  readonly name: string;
  /** Since when another name is to be used; null: it is the model itself that ends. */
  readonly deprecated: string | null;
  /** When the vendor ends it; null: not announced. */
  readonly ends: string | null;
  /** The id to use instead; null: there is none. */
  readonly successor: string | null;
}

/** Null for a name that nobody has given up. A pattern's names are nobody's in particular. */
export function retirementOf(model: Model, asked: string | null): Retirement | null {
  const name = asked === null ? model.id : bareName(asked);
  const retired = model.retired?.find((each) => each.name === name);
  if (retired !== undefined) return { ...retired, successor: model.id };
  return model.retires === null ? null : { name: model.id, deprecated: null, ends: model.retires, successor: null };
}
