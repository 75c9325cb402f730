import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Pair } from 'yaml';
import type { Mistake } from './mistakes.ts';

/** Where a setting stands: `['upstreams', 0, 'baseUrl']`. */
export type Path = readonly (string | number)[];

/** Where an item of a list stood when the file was read. Empty for what is not from the file. */
export type PathOf = (item: object) => Path;

/** A YAML file as plain values that remember their lines. */
export interface Source {
  readonly data: unknown;
  readonly syntaxErrors: readonly Mistake[];
  /** Of the setting's name or, in a list, of its item; of what is around it where it does not exist. */
  lineOf(path: Path): number | null;
}

export function parseSource(text: string): Source {
  const lines = new LineCounter();
  // No excerpts in messages: the line at fault may hold a key.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const syntaxErrors = document.errors.map(({ message, pos }): Mistake => ({
    path: '',
    line: lines.linePos(pos[0]).line,
    message,
  }));
  return {
    ...(syntaxErrors.length > 0 ? { data: null, syntaxErrors } : toValues(document)),
    lineOf(path) {
      const offset = offsetOf(document, path);
      return offset === null ? null : lines.linePos(offset).line;
    },
  };
}

/** Aliases are followed only now: one without its anchor, or too many of them, are syntax errors of a second kind. */
function toValues(document: Document): Pick<Source, 'data' | 'syntaxErrors'> {
  try {
    return { data: document.toJS(), syntaxErrors: [] };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { data: null, syntaxErrors: [{ path: '', line: null, message: error.message }] };
  }
}

function offsetOf(document: Document, path: Path): number | null {
  let node = document.contents;
  let offset = startOf(node);
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      offset = startOf(pair.key as Node) ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined;
      if (item === undefined) break;
      offset = startOf(item) ?? offset;
      node = item;
    } else break;
  }
  return offset;
}

function startOf(node: Node | null): number | null {
  return node?.range?.[0] ?? null;
}
