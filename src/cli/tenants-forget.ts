import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { baseOf } from '../app/keys.ts';
import { purgeIn } from '../cache/disk-offline.ts';
import { filesOf } from '../cache/kept-files.ts';
import type { Selection } from '../cache/store.ts';
import { loadConfig } from '../config.ts';
import type { EmbeddedLedger, Operation, Told } from '../tenants/embedded-ledger.ts';
import { Registry } from '../tenants/registry.ts';
import type { Base } from '../tenants/registry-keys.ts';
import type { RegistryRecord, RegistryStore } from '../tenants/registry-store.ts';
import { forgetTenant } from '../tenants/registry-tenant-changes.ts';
import { ADMIN_HELP } from './admin/call.ts';
import { WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { changeLedger, WRITER_OPTIONS } from './ledger-writer.ts';
import { locateLedger, LOCATION_HELP, LOCATION_OPTIONS } from './location.ts';
import type { Location } from './location.ts';

const AT_ONCE = 5_000;
const WHO = { actor: 'command', from: '', requestId: '' };

export const forget: Command = {
  name: 'tenants forget',
  summary: 'leave nothing of a tenant but its totals',
  help: `Usage: npm run plantain -- tenants forget ID [options]

Leaves nothing of a tenant in the data directory but its id and what it spent, by day, model, upstream, size and outcome:
its settings, users, tags, keys, what the audit trail says of them, and every single picture are gone, from the bytes of
the file too. What was charged as unknown stays charged. Its id is never given to another.

Delete the tenant first, or take it out of the configuration: the budgets of its keys go with the keys, and one that is used
again would begin anew. Backups are not touched. A running gateway does it itself, over its admin API: that needs
PLANTAIN_ADMIN_KEY, and --admin URL where it is not the usual one. Of instances that share a Redis one must be running; the
others do the same to their own directories when they hear of it.
`,
  where: `${LOCATION_HELP}\n\n${ADMIN_HELP}`,
  async run(words, surroundings) {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: { ...LOCATION_OPTIONS, ...WRITER_OPTIONS },
      allowPositionals: true,
    });
    const [tenant, ...others] = positionals;
    if (tenant === undefined || others.length > 0) throw new WrongUse('Name one tenant.');
    let selections: readonly Selection[] = [];
    const told = await changeLedger(values, surroundings, {
      async inFile(ledger) {
        const forgotten = await forgetInFile(ledger, tenant, baseHere(values, surroundings));
        selections = [...forgotten.scopes.map((scope) => ({ scope })), ...filesOf(tenant)];
        return forgotten.told;
      },
      async byGateway(api) {
        await api.post(`/tenants/${encodeURIComponent(tenant)}/forget`, {});
        return 'its pictures are forgotten one by one, and stay as totals';
      },
    });
    for (const selection of selections) purgeIn(cacheBeside(values, surroundings), selection);
    surroundings.print(`${tenant}: ${told}\n`);
    return 0;
  },
};

/** Who is configured, as far as a configuration was named: a directory that is named alone says nothing of it. */
function baseHere({ config, ...location }: Location, { environment, workingDirectory }: Surroundings): Base {
  const isAlone = config === undefined && (location['data-dir'] ?? environment['DATA_DIR'] ?? '') !== '';
  if (isAlone) return { tenants: [], organisations: [], budgets: [] };
  return baseOf(loadConfig({ file: config ?? null, environment, workingDirectory }), null);
}

async function forgetInFile(ledger: EmbeddedLedger, tenant: string, base: Base) {
  const perform = (operation: Operation): Told => {
    const [result] = ledger.commit([operation]);
    if (result === undefined || 'failed' in result) throw result?.failed;
    return result.told;
  };
  const store: RegistryStore = {
    async load(since) {
      const { revision, rows } = perform({ verb: 'registry', since }).registry!;
      return { revision, records: rows.map((row) => ({ revision: row.revision, record: readRecord(row.body) })) };
    },
    write: async (change) => perform({ verb: 'change', change }).revision ?? null,
    audit: async (query) => perform({ verb: 'audit', query }).audit ?? [],
    watch: () => () => undefined,
  };
  const onFault = (error: unknown): never => {
    throw error;
  };
  const registry = await Registry.open({ store, base, now: Date.now, onFault });
  const scopes = registry.roll.ownScopes(tenant);
  await registry.change(WHO, 'tenant.forget', 'tenant', forgetTenant(tenant));
  let holds = 0;
  for (let more = true; more;) {
    const { rolled } = perform({ verb: 'forget', tenant, most: AT_ONCE, at: Date.now() });
    holds += rolled?.holds ?? 0;
    more = rolled?.more === true;
  }
  if (!ledger.scrub()) throw new Error('Somebody reads the ledger and keeps its old bytes: ask again later.');
  return { scopes, told: `${holds} pictures are forgotten one by one, and stay as totals` };
}

function cacheBeside(asked: Location, surroundings: Surroundings): string {
  return join(dirname(locateLedger(asked, { ...surroundings, note: () => undefined })), 'cache');
}

function readRecord(body: string): RegistryRecord {
  return JSON.parse(body) as RegistryRecord;
}
