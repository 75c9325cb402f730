import { scrub } from './embedded-forget.ts';
import type { Copied, ToCopy } from './embedded-copy.ts';
import type { LedgerThread } from './embedded-thread.ts';
import type { AuditQuery, AuditRow, RegistryRecord, Stored } from './registry-store.ts';

/**
 * What an instance keeps of a registry in Redis, in the file of its own ledger: with it a start needs no Redis, and what
 * Redis loses is put back. Every verb rejects with GatewayError.
 */
export interface RegistryCopy {
  read(): Promise<Omit<Copied, 'rows'> & { readonly records: readonly Stored[] }>;
  /** Resolves when it is on disk, and when what it forgets is not. */
  write(what: Partial<ToCopy>): Promise<void>;
  audit(query: AuditQuery): Promise<readonly AuditRow[]>;
  /** Rejects while the tenant has pictures in the air. */
  mustHaveLanded(tenant: string): Promise<void>;
  /** Places of rows in the trail of Redis that are to go there too. */
  wiped(): Promise<readonly string[]>;
}

/** `signal` ends the patience with those who read the file while bytes are to be overwritten. */
export function registryCopy(thread: LedgerThread, signal: AbortSignal): RegistryCopy {
  return {
    async read() {
      const { copied } = await thread.ask({ verb: 'copied' });
      const { rows, ...rest } = copied!;
      return {
        ...rest,
        records: rows.map(({ revision, body }) => ({ revision, record: JSON.parse(body) as RegistryRecord })),
      };
    },
    async write({ records = [], position = null, trail = [] }) {
      const { forgot } = await thread.ask({ verb: 'copy', what: { records, position, trail } });
      // Who reads the file meanwhile keeps nobody from going on.
      if (forgot === true) scrub(thread, signal).catch(() => undefined);
    },
    async audit(query) {
      const { audit = [] } = await thread.ask({ verb: 'audit', query });
      return audit;
    },
    async mustHaveLanded(tenant) {
      await thread.ask({ verb: 'landed', tenant });
    },
    async wiped() {
      const { wiped = [] } = await thread.ask({ verb: 'wiped' });
      return wiped;
    },
  };
}
