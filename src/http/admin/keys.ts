import { notFound } from '../../tenants/registry-lookup.ts';
import { createKey, patchKey, revokeKey, rotateKey } from '../../tenants/registry-key-changes.ts';
import { keyOf } from '../../tenants/registry-view.ts';
import { mistaken } from '../../tenants/settings.ts';
import type { JsonMap } from '../../tenants/settings.ts';
import { bodyOf } from './body.ts';
import { pageOf, readLimit, readQuery } from './query.ts';
import type { AdminRoute, RouteParts } from './route.ts';
import { subjectOf } from './subject.ts';

const DAY_SECONDS = 86_400;
const MOST_OVERLAP_SECONDS = 365 * DAY_SECONDS;

export function keyRoutes({ registry, reader }: RouteParts): readonly AdminRoute[] {
  return [
    {
      path: '/admin/keys',
      methods: {
        async GET({ query }) {
          const { limit, after, tenant = null } = readQuery(query, ['tenant', 'limit', 'after']);
          const page = pageOf(registry.roll.keyIds(tenant), (id) => id, { limit: readLimit(limit), after });
          const view = registry.view();
          return { body: { keys: page.items.map((id) => keyOf(view, id)), next: page.next } };
        },
        async POST({ body, query, who }) {
          readQuery(query, []);
          const sent = bodyOf(body);
          const subject = subjectOf('tenant', sent['tenant']);
          return { status: 201, body: await registry.change(who, 'key.create', subject, createKey(reader, sent)) };
        },
      },
    },
    {
      path: '/admin/keys/:id',
      methods: {
        async GET({ id, query }) {
          readQuery(query, []);
          const key = keyOf(registry.view(), id);
          if (key === null) throw notFound('There is no such key.');
          return { body: key };
        },
        async PATCH({ id, body, query, who }) {
          readQuery(query, []);
          const change = patchKey(reader, id, bodyOf(body));
          return { body: await registry.change(who, 'key.change', subjectOf('key', id), change) };
        },
      },
    },
    {
      path: '/admin/keys/:id/revoke',
      methods: {
        async POST({ id, body, query, who }) {
          readQuery(query, []);
          return {
            body: await registry.change(who, 'key.revoke', subjectOf('key', id), (view) => {
              noMore(bodyOf(body), []);
              return revokeKey(id)(view);
            }),
          };
        },
      },
    },
    {
      path: '/admin/keys/:id/rotate',
      methods: {
        async POST({ id, body, query, who }) {
          readQuery(query, []);
          const made = await registry.change(who, 'key.rotate', subjectOf('key', id), (view) =>
            rotateKey(id, readOverlapMs(bodyOf(body)))(view),
          );
          return { status: 201, body: made };
        },
      },
    },
  ];
}

function readOverlapMs(body: JsonMap): number {
  noMore(body, ['overlapSeconds']);
  const { overlapSeconds = DAY_SECONDS } = body;
  if (typeof overlapSeconds === 'number' && Number.isInteger(overlapSeconds))
    if (overlapSeconds >= 0 && overlapSeconds <= MOST_OVERLAP_SECONDS) return overlapSeconds * 1000;
  throw mistaken('overlapSeconds', `must be whole seconds, 0 to ${MOST_OVERLAP_SECONDS}`);
}

/** Throws for a field that is not known here. */
export function noMore(body: JsonMap, known: readonly string[]): void {
  const strange = Object.keys(body).find((name) => !known.includes(name));
  if (strange === undefined) return;
  const allowed = known.length === 0 ? 'nothing is' : `there are ${known.join(', ')}`;
  throw mistaken(strange.slice(0, 64), `is not known here; ${allowed}`);
}
