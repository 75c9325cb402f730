/** Longer words than any name of ours are nobody's slip of the pen, and the work grows with their length. */
const LONGEST = 64;

/** Up to `max` of the names, the likeliest meant first: by edit distance, then in their own order. */
export function nearest(names: readonly string[], asked: string, max: number): string[] {
  const word = asked.slice(0, LONGEST);
  return [...new Set(names)]
    .map((name) => ({ name, distance: editDistance(name, word) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, max)
    .map(({ name }) => name);
}

/** Single characters to insert, delete or replace (Levenshtein), one row of the table at a time. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
