import * as fc from 'fast-check';

export type Value = null | boolean | number | string | Value[] | { [name: string]: Value };

export const PICTURE = Buffer.alloc(4500, 'picture').toString('base64');

const odd: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(
    null,
    true,
    0,
    -0,
    -1,
    1.5,
    1e308,
    2 ** 31,
    2 ** 53,
    '',
    ' ',
    '1',
    '512',
    '1K',
    '16:9',
    'auto',
  ),
  fc.constantFrom<Value>('\u0000', '\ud800', '\r\nx: y', '🦊', 'x'.repeat(5000), PICTURE, [], {}, [[]], [null], [{}]),
  fc.constantFrom<Value>(
    'gemini-3-pro-image',
    '../../x',
    '${x}',
    'data:image/png;base64,AAAA',
    'IMAGE',
    'user',
    'model',
  ),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Value>,
);

export interface Step {
  readonly at: number;
  readonly how: 'replace' | 'remove' | 'rename' | 'add' | 'wrap' | 'list' | 'copy';
  readonly value: Value;
  readonly name: string;
}
/** A change of one place of a document. `names`: what fields may come to be called. */
export function stepOf(names: readonly string[]): fc.Arbitrary<Step> {
  return fc.record({
    at: fc.nat(),
    how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'rename', 'add', 'add', 'wrap', 'list', 'copy'),
    value: odd,
    name: fc.constantFrom(...names),
  });
}

/** Every place in a document: what holds it, and under which name. */
function placesOf(value: Value): (readonly [Record<string, Value>, string])[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, Value>;
  return Object.keys(holder).flatMap((name) => [[holder, name] as const, ...placesOf(holder[name]!)]);
}

function put(holder: Record<string, Value>, name: string, value: Value): void {
  Object.defineProperty(holder, name, {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function change(document: Value, { at, how, value, name }: Step): void {
  const places = placesOf(document);
  const [holder, key] = places[at % Math.max(1, places.length)] ?? [];
  if (holder === undefined || key === undefined) return;
  const before = holder[key]!;
  if (how === 'remove') delete holder[key];
  else if (how === 'rename' && !Array.isArray(holder)) {
    delete holder[key];
    put(holder, name, before);
  } else if (how === 'add' && typeof before === 'object' && before !== null)
    put(before as Record<string, Value>, name, value);
  else if (how === 'wrap') put(holder, key, Object.fromEntries([[name, before]]));
  else if (how === 'list') put(holder, key, [before, before, value]);
  else if (how === 'copy') put(holder, name, before);
  else put(holder, key, value);
}

interface Damage {
  readonly cut: number | null;
  readonly bytes: readonly (readonly [number, number])[];
}

/** Of what is written: cut off somewhere, and other bytes in some places. */
export const damage: fc.Arbitrary<Damage> = fc.record({
  cut: fc.option(fc.nat(), { freq: 4 }),
  bytes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
});

/** A document with changes made to it, written, and damaged. */
export function spoiled(document: Value, steps: readonly Step[], harm: Damage | null): Buffer {
  const changed = structuredClone(document);
  for (const each of steps) change(changed, each);
  const bytes = Buffer.from(JSON.stringify(changed));
  for (const [at, byte] of harm?.bytes ?? []) bytes[at % bytes.length] = byte;
  return bytes.subarray(0, harm === null || harm.cut === null ? undefined : harm.cut % bytes.length);
}
