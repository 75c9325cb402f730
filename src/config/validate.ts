import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { explain } from './explain.ts';
import type { Report } from './mistakes.ts';
import type { ConfigFile } from './schema.ts';
import type { Path, PathOf } from './source.ts';

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true });
ajv.addVocabulary(['errorMessage']);
const isConfigFile = ajv.compile<ConfigFile>(readSchema());

export interface Validated<T> {
  readonly file: T;
  readonly pathOf: PathOf;
}

/**
 * Reports every mistake in the file's form. What comes back is valid all the same: a setting with a mistake has its
 * default, an item with one is left out, so that everything else can be checked too. Changes `data`.
 */
export function validate(data: unknown, report: Report): Validated<ConfigFile> {
  return { pathOf: pathsIn(data), file: repaired(data ?? {}, report) };
}

/**
 * The same for a part of it that stands alone: null when its form is wrong, with every mistake reported. `T` is what a
 * value of that schema is.
 */
export function validator<T>(schema: object): (data: unknown, report: Report) => Validated<T> | null {
  const isValid = ajv.compile<T>(schema);
  return (data, report) => {
    const pathOf = pathsIn(data);
    if (isValid(data)) return { file: data, pathOf };
    tell(findingsOf(isValid, data), report);
    return null;
  };
}

function pathsIn(data: unknown): PathOf {
  const paths = new WeakMap<object, Path>();
  notePaths(data, [], paths);
  return (item) => paths.get(item) ?? [];
}

function repaired(root: unknown, report: Report): ConfigFile {
  for (let round = 1; !isConfigFile(root); round++) {
    const findings = findingsOf(isConfigFile, root);
    if (round === 1) tell(findings, report);
    if (typeof root !== 'object' || root === null || Array.isArray(root)) return repaired({}, report);
    removeFaulty(root, findings, report);
  }
  return root;
}

function findingsOf({ errors }: Pick<ValidateFunction, 'errors'>, root: unknown): readonly Finding[] {
  return (errors ?? []).map((error) => ({ error, path: pathOf(error, root) }));
}

function tell(findings: readonly Finding[], report: Report): void {
  for (const { error, path } of findings.filter(noUnionNoise)) report.mistake(...explain(error, path));
}

interface Finding {
  readonly error: ErrorObject;
  readonly path: Path;
}

/** A value that fits no branch of a union is blamed by every branch. Only one that got beyond its outline knows why. */
function noUnionNoise({ error }: Finding, _index: number, all: readonly Finding[]): boolean {
  const shallow = (inner: ErrorObject, union: ErrorObject): boolean =>
    ['type', 'required'].includes(inner.keyword) && inner.instancePath === union.instancePath;
  const inside = (union: ErrorObject): ErrorObject[] =>
    all.map((finding) => finding.error).filter(({ schemaPath }) => schemaPath.startsWith(`${union.schemaPath}/`));
  if (isUnion(error)) return inside(error).every((inner) => shallow(inner, error));
  return !all.some(
    (finding) => isUnion(finding.error) && inside(finding.error).includes(error) && shallow(error, finding.error),
  );
}

function isUnion({ keyword }: ErrorObject): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf';
}

function notePaths(value: unknown, path: Path, paths: WeakMap<object, Path>): void {
  // Through its aliases a YAML file can hold a thing twice, and even itself.
  if (typeof value !== 'object' || value === null || paths.has(value)) return;
  paths.set(value, path);
  const list = Array.isArray(value);
  for (const [name, member] of Object.entries(value)) notePaths(member, [...path, list ? Number(name) : name], paths);
}

/** What the error is about. An instance path is a JSON pointer: https://www.rfc-editor.org/rfc/rfc6901 */
function pathOf(error: ErrorObject, root: unknown): Path {
  const path: (string | number)[] = [];
  for (const step of error.instancePath.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(memberOf(root, path)) ? Number(name) : name);
  }
  return path;
}

/** Removes what is wrong: a setting; or, where an item of a list misses something it needs, the item. */
function removeFaulty(root: object, findings: readonly Finding[], report: Report): void {
  const items = new Set<unknown>();
  const lists = new Set<unknown[]>();
  for (const { error, path } of findings) {
    const extra: unknown = error.params['additionalProperty'];
    const place = wholeSetting(root, typeof extra === 'string' ? [...path, extra] : path);
    const parent = memberOf(root, place.slice(0, -1));
    if (Array.isArray(parent)) {
      lists.add(parent);
      items.add(memberOf(root, place));
    } else if (typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, place.at(-1)!);
    if (place.length <= 2) report.leftOut(String(place[0]));
  }
  for (const list of lists) list.splice(0, list.length, ...list.filter((item) => !items.has(item)));
}

/** A list of words goes as one: what stays of it would stand in other places than in the file. */
function wholeSetting(root: object, path: Path): Path {
  const list = memberOf(root, path.slice(0, -1));
  return Array.isArray(list) && !list.some((item) => typeof item === 'object') ? path.slice(0, -1) : path;
}

function memberOf(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}

/** It lies beside `src` and `dist` alike. */
export function readSchema(): object {
  return JSON.parse(readFileSync(new URL('../../config/plantain.schema.json', import.meta.url), 'utf8')) as object;
}
