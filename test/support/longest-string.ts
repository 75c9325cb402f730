type Method = (this: unknown, ...given: unknown[]) => unknown;

/** Every way from bytes to a string, and from values to JSON and back. */
const CONVERSIONS: readonly (readonly [owner: object, names: readonly string[]])[] = [
  [
    Buffer.prototype,
    ['toString', 'asciiSlice', 'base64Slice', 'base64urlSlice', 'hexSlice', 'latin1Slice', 'ucs2Slice', 'utf8Slice'],
  ],
  [TextDecoder.prototype, ['decode']],
  [JSON, ['parse', 'stringify']],
];

/** The longest string that was given to one of them, or came of it, while the work went on. */
export async function longestString(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  const note = (value: unknown): void => {
    if (typeof value === 'string') longest = Math.max(longest, value.length);
  };
  const restore: (() => void)[] = [];
  for (const [owner, names] of CONVERSIONS)
    for (const name of names) {
      const original = Reflect.get(owner, name) as Method;
      const noted: Method = function (...given) {
        given.forEach(note);
        const made = original.apply(this, given);
        note(made);
        return made;
      };
      Reflect.set(owner, name, noted);
      restore.push(() => Reflect.set(owner, name, original));
    }
  try {
    await work();
  } finally {
    restore.forEach((put) => put());
  }
  return longest;
}
