import { GatewayError } from '../../errors.ts';
import type { Json } from '../../wire/json.ts';

// SDKs write what is nested into the names of a form: openai-node and openai-python `image[]`, `image_config[image_size]`,
// PHP `image[0]`. https://github.com/ljharb/qs#readme has the whole custom.

/** A value as it stands in its form. */
export interface Named {
  readonly name: string;
  readonly value: Json;
}

type Node = { readonly kind: 'leaf'; readonly value: Json } | Branch;

interface Branch {
  readonly kind: 'branch';
  readonly children: Map<string, Node>;
  /** The index after the highest. */
  next: number;
}

const NAME = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;
const DEEPEST = 8;
const INDEX = /^\d{1,4}$/;

/** `a[b][]` as the steps `a`, `b` and an empty one. A name with other brackets is one step. */
export function stepsOf(name: string): readonly string[] {
  const [, first = name, rest = ''] = NAME.exec(name) ?? [];
  return [first, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map(([, step = '']) => step)];
}

/**
 * The values under the first step of their names. A plain name that comes again makes a list where `repeats` says that it
 * may, and else is refused, as are names that contradict each other. Throws GatewayError naming the field.
 */
export function nest(values: readonly Named[], repeats: (name: string) => boolean): ReadonlyMap<string, Json> {
  const root = branch();
  for (const { name, value } of values) {
    const [first = name, ...steps] = stepsOf(name);
    if (steps.length > DEEPEST) throw refused(name, `nests deeper than ${DEEPEST} levels`);
    const isAgain = repeats(first) && root.children.has(first);
    // The second of several makes a list of them, whether the first was spelt as one or not.
    if (isAgain) listOf(root, first);
    place(root, first, isAgain && steps.length === 0 ? [''] : steps, value, name);
  }
  return new Map([...root.children].map(([name, node]) => [name, jsonOf(node)]));
}

function branch(): Branch {
  return { kind: 'branch', children: new Map(), next: 0 };
}

function listOf(root: Branch, name: string): void {
  const present = root.children.get(name)!;
  if (present.kind === 'branch') return;
  root.children.set(name, { kind: 'branch', children: new Map([['0', present]]), next: 1 });
}

function place(parent: Branch, step: string, rest: readonly string[], value: Json, name: string): void {
  const key = step === '' ? nextKey(parent, rest[0]) : step;
  if (INDEX.test(key)) parent.next = Math.max(parent.next, Number(key) + 1);
  const present = parent.children.get(key);
  const [next, ...others] = rest;
  if (next === undefined) {
    if (present !== undefined) throw refused(name, 'is given twice');
    parent.children.set(key, { kind: 'leaf', value });
    return;
  }
  if (present?.kind === 'leaf') throw refused(name, 'is given twice, in two spellings');
  const child = present ?? branch();
  parent.children.set(key, child);
  place(child, next, others, value, name);
}

/** `a[][x]` then `a[][y]` are one element, `a[][x]` again begins the next. */
function nextKey(parent: Branch, following: string | undefined): string {
  const last = parent.children.get(String(parent.next - 1));
  const goesOn =
    following !== undefined && following !== '' && last?.kind === 'branch' && !last.children.has(following);
  return String(goesOn ? parent.next - 1 : parent.next);
}

function jsonOf(node: Node): Json {
  if (node.kind === 'leaf') return node.value;
  const entries = [...node.children].map(([key, child]) => [key, jsonOf(child)] as const);
  if (!entries.every(([key]) => INDEX.test(key))) return Object.fromEntries(entries);
  return entries.toSorted(([one], [other]) => Number(one) - Number(other)).map(([, value]) => value);
}

function refused(name: string, what: string): GatewayError {
  const shown = name.slice(0, 60).toWellFormed();
  return new GatewayError('invalid_request', `${shown} ${what} in the form.`, { param: shown, code: 'invalid_form' });
}
