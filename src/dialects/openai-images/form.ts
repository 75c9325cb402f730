import { invalidValue } from '../../image/fields.ts';
import type { FormPart } from '../../wire/form.ts';
import { JsonError, lift } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { nest, stepsOf } from './brackets.ts';
import { PICTURE_NAMES } from './fields.ts';

/** What is text in JSON too: `size=512` is no number. */
const TEXTS: ReadonlySet<string> = new Set([
  'prompt',
  'model',
  'size',
  'quality',
  'background',
  'moderation',
  'output_format',
  'response_format',
  'style',
  'input_fidelity',
  'user',
  'safety_identifier',
  'fit',
  ...PICTURE_NAMES,
]);

/** What may be a file. */
const FILES: ReadonlySet<string> = new Set([...PICTURE_NAMES, 'mask', 'markup']);
const REPEATS: ReadonlySet<string> = new Set(PICTURE_NAMES);

/** A form as the JSON that says the same: its scalars are text, and what is nested is JSON as text or in the names. */
export function fromForm(parts: readonly FormPart[]): JsonObject {
  const values = parts.filter((part) => !isUnsetFile(part)).map((part) => ({ name: part.name, value: valueOf(part) }));
  return Object.fromEntries(nest(values, (name) => REPEATS.has(name)));
}

/** Browsers send a file without name and content for an input that was left empty. */
function isUnsetFile(part: FormPart): boolean {
  return part.kind === 'file' && part.byteLength === 0 && part.fileName === '';
}

function valueOf(part: FormPart): Json {
  const [first = '', ...steps] = stepsOf(part.name);
  if (part.kind === 'text') return steps.length > 0 && !FILES.has(first) ? loose(part) : textOf(first, part);
  if (FILES.has(first)) return part.data;
  throw invalidValue(part.name.slice(0, 60), 'text, not a file');
}

/** openai-node tells its callers to write null as text. */
function textOf(name: string, part: { readonly name: string; readonly text: string }): Json {
  if (!TEXTS.has(name)) return loose(part);
  return part.text === 'null' && name !== 'prompt' ? null : part.text;
}

const LIMITS = { depth: 32, strictNames: true, skeletonBytes: 256 << 10 };

/** JSON where it is that and no string, else the text itself. Python writes its booleans with a capital. */
function loose({ name, text }: { readonly name: string; readonly text: string }): Json {
  const trimmed = text.trim();
  if (/^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase() === 'true';
  if (!/^[[{]|^null$|^-?\d{1,15}(\.\d{1,15})?$/.test(trimmed)) return text;
  try {
    return lift(Buffer.from(trimmed), LIMITS);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    // 007 is no number of JSON, and may be meant as it stands.
    if (!/^[[{]/.test(trimmed)) return text;
    throw invalidValue(name.slice(0, 60), `JSON. ${error.message}`);
  }
}
