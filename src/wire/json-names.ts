import { JsonError } from './json-error.ts';

const MOST_QUOTED = 64;

/**
 * Refuses what readers of JSON are known to disagree about: a name that stands twice in one object, which says one thing
 * to whoever takes the first and another to whoever takes the last, and `__proto__`, which in many a program is no field.
 * https://www.rfc-editor.org/rfc/rfc7493#section-2.3
 */
export class Names {
  /** By how many arrays and objects are open: the names so far of the object that is, or last was, the innermost. */
  readonly #seen: Set<string>[] = [];

  /** `text`: what is between the quotes. `offset`: of the first of these. `isFirst`: an object begins with it. */
  check(text: string, offset: number, depth: number, isFirst: boolean): void {
    const name = text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
    if (name === '__proto__') throw new JsonError('name', offset, 'the name __proto__ is not allowed');
    const known = isFirst ? undefined : this.#seen[depth];
    if (known?.has(name)) throw new JsonError('name', offset, `the name ${quoted(name)} stands twice in one object`);
    if (known === undefined) this.#seen[depth] = new Set([name]);
    else known.add(name);
  }
}

/** Its beginning, in characters that any log or terminal can bear. */
function quoted(name: string): string {
  const ascii = name.slice(0, MOST_QUOTED).replace(/[^\x20-\x7e]/g, '?');
  return name.length > MOST_QUOTED ? `"${ascii}"...` : `"${ascii}"`;
}
