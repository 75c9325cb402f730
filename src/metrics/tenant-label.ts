/** The first so many tenants have series of their own, all others one together. */
const MOST_TENANTS = 200;
const OTHERS = 'other';

/** Tenants are made at run time: a series for each of ten thousand would be more than a scrape should have. */
export function tenantLabels(): (tenant: string) => string {
  const tenants = new Set<string>();
  return (tenant) => {
    if (tenants.size < MOST_TENANTS) tenants.add(tenant);
    return tenants.has(tenant) ? tenant : OTHERS;
  };
}
