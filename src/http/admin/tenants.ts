import { filesOf } from '../../cache/kept-files.ts';
import type { View } from '../../tenants/registry.ts';
import { createTenant, deleteTenant, forgetTenant, patchTenant } from '../../tenants/registry-tenant-changes.ts';
import { notFound } from '../../tenants/registry-lookup.ts';
import { tenantOf } from '../../tenants/registry-view.ts';
import { bodyOf } from './body.ts';
import { answered } from './cache.ts';
import { noMore } from './keys.ts';
import { pageOf, readLimit, readQuery } from './query.ts';
import { subjectOf } from './subject.ts';
import type { AdminRoute, RouteParts } from './route.ts';

export function tenantRoutes({ registry, reader, ledger, cache }: RouteParts): readonly AdminRoute[] {
  return [
    {
      path: '/admin/tenants',
      methods: {
        async GET({ query }) {
          const { limit, after } = readQuery(query, ['limit', 'after']);
          const page = pageOf(registry.roll.tenantIds(), (id) => id, { limit: readLimit(limit), after });
          const view = registry.view();
          return { body: { tenants: page.items.map((id) => tenantOf(view, id)), next: page.next } };
        },
        async POST({ body, query, who }) {
          readQuery(query, []);
          const sent = bodyOf(body);
          const subject = subjectOf('tenant', sent['id']);
          const made = await registry.change(who, 'tenant.create', subject, createTenant(reader, sent));
          return { status: 201, body: made };
        },
      },
    },
    {
      path: '/admin/tenants/:id',
      methods: {
        async GET({ id, query }) {
          readQuery(query, []);
          const tenant = tenantOf(registry.view(), id);
          if (tenant === null) throw notFound('There is no such tenant.');
          return { body: { ...tenant, keys: registry.roll.keyIds(id).length } };
        },
        async PATCH({ id, body, query, who }) {
          readQuery(query, []);
          const change = patchTenant(reader, id, bodyOf(body));
          return { body: await registry.change(who, 'tenant.change', subjectOf('tenant', id), change) };
        },
        async DELETE({ id, query, who }) {
          readQuery(query, []);
          return { body: await registry.change(who, 'tenant.delete', subjectOf('tenant', id), deleteTenant(id)) };
        },
      },
    },
    {
      path: '/admin/tenants/:id/forget',
      methods: {
        async POST({ id, body, query, who }) {
          readQuery(query, []);
          const forgets = (view: View) => {
            noMore(bodyOf(body), []);
            return forgetTenant(id)(view);
          };
          const scopes = registry.roll.ownScopes(id);
          const purge = async (): Promise<void> => {
            for (const scope of scopes) await answered(cache.purge({ scope }));
            // Where others share its scope these are still its own.
            for (const selection of filesOf(id)) await answered(cache.purge(selection));
          };
          // First, since afterwards nobody knows any more under which scope they are: what fails is asked for again.
          if (isGone(registry.view(), id)) await purge();
          const forgotten = await registry.change(who, 'tenant.forget', subjectOf('tenant', id), forgets);
          // And what was on its way there.
          await purge();
          // Last, since it overwrites the bytes of all that went before. What fails on the way is done when it is asked again.
          await ledger.forget(id);
          return { body: forgotten };
        },
      },
    },
  ];
}

/** Whether nobody draws for it any more, as far as the registry can tell. */
function isGone(view: View, id: string): boolean {
  const known = view.get('tenant', id);
  return view.baseTenant(id) === null && (known === null || known.deletedAt !== null);
}
