/** What the ids of each look like. Whatever else was sent as one may be anything, a key too. */
const IDS = {
  tenant: /^(?!sk-)[a-z0-9][a-z0-9._-]{0,63}$/,
  key: /^(?:first-[0-9a-f]{8}|[0-9a-f]{12}|dev)$/,
} as const;

/** Whom a change is about, for the audit trail; without the name of what cannot be one. */
export function subjectOf(kind: keyof typeof IDS, id: unknown): string {
  return typeof id === 'string' && IDS[kind].test(id) ? `${kind} ${id}` : kind;
}
