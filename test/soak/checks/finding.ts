/** What one check found: its figures, and everything that is not as it should be. */
export interface Finding {
  readonly check: string;
  readonly figures: string;
  readonly faults: readonly string[];
}

export function usd(nanos: number): string {
  return `$${(nanos / 1e9).toFixed(4)}`;
}

export function sumOf<T>(list: readonly T[], of: (each: T) => number): number {
  return list.reduce((total, each) => total + of(each), 0);
}

export function groupsOf<T>(list: readonly T[], key: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of list) {
    const name = key(each);
    const group = groups.get(name);
    if (group) group.push(each);
    else groups.set(name, [each]);
  }
  return groups;
}
