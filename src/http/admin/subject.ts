/** What ids of tenants and keys look like. Whatever else was sent as one may be anything, a key too. */
const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** Whom a change is about, for the audit trail; without the name of what cannot be one. */
export function subjectOf(kind: 'tenant' | 'key', id: unknown): string {
  return typeof id === 'string' && ID.test(id) ? `${kind} ${id}` : kind;
}
