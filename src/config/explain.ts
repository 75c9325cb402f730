import type { ErrorObject } from 'ajv';
import { editDistance, nearest } from '../image/nearest.ts';
import type { Path } from './source.ts';

/** Where a key may stand, on purpose or pasted by mistake: values from there are never said back. */
const SECRET_PLACES = new Set<string | number>([
  'key',
  'keys',
  'keyFrom',
  'keysFrom',
  'sha256',
  'baseUrl',
  'publicUrl',
  'webhook',
  'webhookSecretFrom',
]);

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of settings',
};

const NOT_EMPTY = 'must not be empty';

type Schema = Readonly<Record<string, unknown>>;

/** The validator's finding as a place and a sentence: what is allowed, and what is there. */
export function explain(error: ErrorObject, path: Path): [Path, string] {
  const { keyword, params, data } = error;
  const schema: Schema = error.parentSchema ?? {};
  if (keyword === 'required') return [[...path, String(params['missingProperty'])], 'is missing'];
  const secret = path.some((step) => SECRET_PLACES.has(step));
  if (keyword === 'additionalProperties') {
    const name = String(params['additionalProperty']);
    return [secret ? path : [...path, name], unknownSetting(name, Object.keys(schema['properties'] ?? {}))];
  }
  const own = schema['errorMessage'];
  const allowed = typeof own === 'string' ? own : allowedBy(error, schema);
  const silent = secret || allowed === NOT_EMPTY;
  return [path, silent ? allowed : `${allowed}, ${found(data, schema)}`];
}

function unknownSetting(name: string, known: readonly string[]): string {
  const [likely] = nearest(known, name, 1);
  const near = likely !== undefined && editDistance(likely, name) <= Math.max(2, name.length / 3);
  return `unknown setting; known here: ${known.join(', ')}${near ? `; did you mean ${likely}?` : ''}`;
}

function allowedBy({ keyword, params, message }: ErrorObject, schema: Schema): string {
  const limit = Number(params['limit']);
  switch (keyword) {
    case 'type':
      return `must be ${TYPES[String(params['type'])] ?? String(params['type'])}`;
    case 'enum':
      return `must be ${alternatives(params['allowedValues'] as readonly unknown[])}`;
    case 'minimum':
    case 'maximum':
      return `must be ${String(schema['minimum'])} to ${String(schema['maximum'])}`;
    case 'exclusiveMinimum':
      return `must be more than ${limit}`;
    case 'minLength':
      return limit === 1 ? NOT_EMPTY : `must have at least ${limit} characters`;
    case 'maxLength':
      return `must have at most ${limit} characters`;
    case 'minItems':
    case 'minProperties':
      return NOT_EMPTY;
    case 'uniqueItems':
      return 'must not name the same thing twice';
    default:
      return message ?? keyword;
  }
}

/** `a, b or c` */
export function alternatives(values: readonly unknown[]): string {
  const words = values.map(String);
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter((word) => word !== '').join(' or ');
}

function found(data: unknown, schema: Schema): string {
  if (data === null) return 'is empty';
  if (typeof data === 'object' && Object.keys(data).length === 0) return 'is empty';
  if (typeof data === 'object') return Array.isArray(data) ? 'is a list' : 'is a map';
  if (typeof data === 'string') return `is ${JSON.stringify(data.length > 60 ? `${data.slice(0, 60)}…` : data)}`;
  if (typeof data !== 'number' && typeof data !== 'boolean') return `is of type ${typeof data}`;
  const values: unknown = schema['enum'];
  const wantsText = schema['type'] === 'string' || (Array.isArray(values) && values.includes(String(data)));
  return `is ${data}${wantsText ? ': put it in quotes' : ''}`;
}
