import { GatewayError } from '../../errors.ts';

/** The most items of a page. */
const MOST = 1_000;
const USUAL = 100;

/** The one value of each name, of those that are known here. Throws GatewayError: an unknown or a doubled one. */
export function readQuery<Name extends string>(
  query: URLSearchParams,
  names: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const found = new Map<string, string>();
  for (const [name, value] of query) {
    if (!names.some((known) => known === name))
      throw wrong(name, `is not known here${names.length > 0 ? `; there are ${names.join(', ')}` : ''}`);
    if (found.has(name)) throw wrong(name, 'is there twice');
    if (value !== '') found.set(name, value);
  }
  return Object.fromEntries(found) as Readonly<Partial<Record<Name, string>>>;
}

/** How many items a page is to have. */
export function readLimit(text: string | undefined): number {
  if (text === undefined) return USUAL;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MOST) return limit;
  throw wrong('limit', `must be 1 to ${MOST}`);
}

/** Some of a list in its order: from behind `after` on, and where the next page begins. */
export function pageOf<T>(
  all: readonly T[],
  nameOf: (item: T) => string,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): { readonly items: readonly T[]; readonly next: string | null } {
  const rest = after === undefined ? all : all.filter((item) => nameOf(item) > after);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rest.length > items.length && last !== undefined ? nameOf(last) : null };
}

export function wrong(param: string, why: string): GatewayError {
  return new GatewayError('invalid_request', `${param} ${why}.`, { param, code: 'invalid_value' });
}
