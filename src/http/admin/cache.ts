import { keyName } from '../../cache/key.ts';
import { StoreDown } from '../../cache/store.ts';
import type { Purged, Selection } from '../../cache/store.ts';
import { GatewayError } from '../../errors.ts';
import { mistaken } from '../../tenants/settings.ts';
import type { JsonMap } from '../../tenants/settings.ts';
import { timeOf } from '../../tenants/registry-view.ts';
import type { Roll } from '../../tenants/roll.ts';
import { bodyOf } from './body.ts';
import { noMore } from './keys.ts';
import { readQuery } from './query.ts';
import type { AdminRoute, RouteParts } from './route.ts';

/** SHA-256 in hex. */
const DIGEST_LENGTH = 64;
const DIGEST = /^[0-9a-f]{64}$/;
const WORD = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What the cache keeps, and its removal, which is a row of the audit trail. */
export function cacheRoutes({ registry, cache }: RouteParts): readonly AdminRoute[] {
  return [
    {
      path: '/admin/cache',
      methods: {
        async GET({ query }) {
          readQuery(query, []);
          const standings = await answered(cache.stats());
          return { body: { cache: standings.map(({ oldest, ...each }) => ({ ...each, oldest: timeOf(oldest) })) } };
        },
      },
    },
    {
      path: '/admin/cache/purge',
      methods: {
        async POST({ body, query, who }) {
          readQuery(query, []);
          let selection: Selection | null = null;
          let purged: Purged = { entries: 0, bytes: 0 };
          try {
            selection = readSelection(bodyOf(body));
            for (const each of [selection, ...namesakes(selection, registry.roll)]) {
              const { entries, bytes } = await answered(cache.purge(each));
              purged = { entries: purged.entries + entries, bytes: purged.bytes + bytes };
            }
          } catch (error) {
            return registry.change(who, 'cache.purge', 'cache', () => {
              throw error;
            });
          }
          const after: JsonMap = { ...asMap(selection), ...purged };
          const told = { subject: 'cache', before: null, after, amountNanos: null, records: [], reply: { ...purged } };
          return { body: await registry.change(who, 'cache.purge', 'cache', () => told) };
        },
      },
    },
  ];
}

/** What is given must all be true of what goes; for everything it must say so. */
function readSelection(body: JsonMap): Selection {
  noMore(body, ['key', 'scope', 'model', 'before', 'all']);
  const { key, scope, model, before, all = false } = body;
  for (const [field, value] of Object.entries({ scope, model }))
    if (value !== undefined && (typeof value !== 'string' || !WORD.test(value)))
      throw mistaken(field, 'must be a name of up to 64 letters, digits, ".", "_" or "-"');
  if (key !== undefined && (typeof key !== 'string' || !DIGEST.test(key)))
    throw mistaken('key', 'must be the 64 hex digits that Cache-Status had as key');
  if (typeof key === 'string' && typeof scope !== 'string')
    throw mistaken('scope', 'must stand beside key: the same key in another scope is another picture');
  const until = before === undefined ? null : typeof before === 'string' ? Date.parse(before) : Number.NaN;
  if (Number.isNaN(until)) throw mistaken('before', 'must be a time such as 2026-11-01T00:00:00Z, or a day');
  if (typeof all !== 'boolean') throw mistaken('all', 'must be true or false');
  const selection: Selection = {
    ...(typeof key === 'string' && typeof scope === 'string' && { name: keyName({ scope, digest: key }) }),
    ...(typeof scope === 'string' && { scope }),
    ...(typeof model === 'string' && { model }),
    ...(until !== null && { before: until }),
  };
  if ((Object.keys(selection).length === 0) === all) return selection;
  throw mistaken('all', 'must be true to remove everything, and must not stand beside key, scope, model or before');
}

/** With a scope goes what its tenants keep beside it: links, and the answers to tasks and to Idempotency-Keys. */
function namesakes(selection: Selection, roll: Roll): readonly Selection[] {
  if (selection.scope === undefined || selection.name !== undefined) return [];
  return roll.namesIn(selection.scope).map((name) => ({ ...selection, scope: name }));
}

function asMap({ before, name, ...selection }: Selection): JsonMap {
  return {
    ...(name !== undefined && { key: name.slice(-DIGEST_LENGTH) }),
    ...selection,
    ...(before !== undefined && { before: timeOf(before) }),
  };
}

/** A store that does not answer is no fault of the gateway's. */
export async function answered<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StoreDown)) throw error;
    const message = 'The store of the cache does not answer now, and not all of it may be done. Try again later.';
    throw new GatewayError('unavailable', message, { retryAfterSeconds: 5, code: 'store_unavailable' }, error);
  }
}
