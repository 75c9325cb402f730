import type { JsonMap, KeySettings, TenantSettings } from './settings.ts';

/** A tenant that was made at run time. One that was deleted stays: its name, its budgets and its pictures are nobody else's. */
export interface TenantRecord {
  readonly kind: 'tenant';
  readonly id: string;
  readonly settings: TenantSettings;
  /** Nano-dollars: the sum of all that was ever added; null: it is not prepaid. */
  readonly creditNanos: number | null;
  /** Unix ms, as all times here. */
  readonly createdAt: number;
  readonly deletedAt: number | null;
  /** From then on nothing is known of it but this, and no record of it that was written before counts. */
  readonly forgottenAt?: number;
}

/** What a key keeps when it is rotated: its settings and, by this id, the accounts of its budgets. */
export interface LineRecord {
  readonly kind: 'line';
  /** That of its first key. */
  readonly id: string;
  readonly tenant: string;
  readonly settings: KeySettings;
  readonly creditNanos: number | null;
}

/** A key of a line; or, over a key of the configuration, what became of that at run time. */
export interface KeyRecord {
  readonly kind: 'key';
  readonly id: string;
  readonly line: string;
  readonly tenant: string;
  /** In lower-case hex; null: the key is one of the configuration. */
  readonly sha256: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** The key that took its place. */
  readonly replacedBy: string | null;
}

export type RegistryRecord = TenantRecord | LineRecord | KeyRecord;
export type RecordName = Pick<RegistryRecord, 'kind' | 'id'>;

/** A record and the revision of the registry that wrote it. */
export interface Stored {
  readonly record: RegistryRecord;
  readonly revision: number;
}

export interface Loaded {
  /** Of the registry: that of the last change of all. */
  readonly revision: number;
  readonly records: readonly Stored[];
}

/** One change: it is written whole, with its row in the audit trail, or not at all. */
export interface RegistryWrite {
  /** The records that it rests on, each at the revision it was seen at; 0: there was none. */
  readonly expected: readonly (RecordName & { readonly revision: number })[];
  readonly records: readonly RegistryRecord[];
  readonly audit: AuditEntry;
  /** The tenant that is forgotten with it: its keys and their lines go, and what the audit trail says of them. */
  readonly forgets?: Forgotten | undefined;
}

export interface Forgotten {
  readonly tenant: string;
  readonly records: readonly RecordName[];
}

/** A row of the audit trail: who changed what, or tried to. It holds no key. */
export interface AuditEntry {
  readonly at: number;
  /** `admin:` and the first digits of the admin key's digest. */
  readonly actor: string;
  /** `tenant.create`, `key.rotate`, `credit.add`, … */
  readonly action: string;
  /** `tenant acme`, `key 0123456789ab`, `ledger`. */
  readonly subject: string;
  readonly before: JsonMap | null;
  readonly after: JsonMap | null;
  /** Credit that was added, in nano-dollars; null where none was. */
  readonly amountNanos: number | null;
  /** The address it came from. */
  readonly from: string;
  readonly requestId: string;
  /** `done`, or the code of the refusal. */
  readonly result: string;
}

/** Who asked for something that is written in the trail with it: a row but for what only its end tells. */
export type Ask = Omit<AuditEntry, 'before' | 'after' | 'amountNanos' | 'result'>;

export interface AuditRow extends AuditEntry {
  /** Its place in the trail, for the next page. */
  readonly seq: string;
}

export interface AuditQuery {
  readonly limit: number;
  /** Only rows older than this one; null: from the newest on. */
  readonly before: string | null;
  readonly subject: string | null;
}

/** Where tenants and keys of the run time are kept. Every verb rejects with GatewayError `unavailable` when the store fails. */
export interface RegistryStore {
  /** What this instance knew when it ran last, whether or not the store can be asked; absent where the store is its own. */
  readonly recall?: () => Promise<Loaded>;
  /** What was written after a revision; 0: everything. */
  load(since: number): Promise<Loaded>;
  /** The new revision; null, and nothing written, when a record is no longer as expected. */
  write(change: RegistryWrite): Promise<number | null>;
  /** Newest first. */
  audit(query: AuditQuery): Promise<readonly AuditRow[]>;
  /** `onChange` is called when others may have changed something; the returned function ends that. */
  watch(onChange: () => void): () => void;
}

export function nameOf({ kind, id }: RecordName): string {
  return `${kind} ${id}`;
}

/** Whether a record was written before its tenant was forgotten. */
export function isForgotten({ record, revision }: Stored, tenant: Stored | undefined): boolean {
  if (record.kind === 'tenant' || tenant?.record.kind !== 'tenant') return false;
  return tenant.record.forgottenAt !== undefined && revision < tenant.revision;
}
