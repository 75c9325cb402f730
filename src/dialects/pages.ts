import { invalidValue } from '../image/fields.ts';

export interface PageWish<T> {
  readonly nameOf: (item: T) => string;
  readonly query: URLSearchParams;
  /** Of the parameters that name the item before the page and the one behind it. */
  readonly names: readonly [after: string, before: string];
  /** Also what a page has where nobody says. */
  readonly largest: number;
}

/** One page of a list as OpenAI and Claude have them: `limit` items after one of them, or before one. Throws GatewayError naming the parameter. */
export function pageOf<T>(
  items: readonly T[],
  { nameOf, query, names, largest }: PageWish<T>,
): {
  readonly page: readonly T[];
  readonly hasMore: boolean;
} {
  const limit = readLimit(query.get('limit'), largest);
  const [after, before] = names.map((name) => indexOf(items.map(nameOf), name, query.get(name))) as [
    number | null,
    number | null,
  ];
  const between = items.slice(after === null ? 0 : after + 1, before ?? items.length);
  // Whoever goes back wants those next to where it was.
  const page = after === null && before !== null ? between.slice(-limit) : between.slice(0, limit);
  return { page, hasMore: page.length < between.length };
}

function readLimit(text: string | null, largest: number): number {
  if (text === null || text === '') return largest;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > largest) throw invalidValue('limit', `an integer from 1 to ${largest}`);
  return limit;
}

function indexOf(names: readonly string[], parameter: string, name: string | null): number | null {
  if (name === null || name === '') return null;
  const index = names.indexOf(name);
  if (index < 0) throw invalidValue(parameter, 'the id of one in this list');
  return index;
}
