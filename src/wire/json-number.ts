/** How far a number has been read: https://www.rfc-editor.org/rfc/rfc8259#section-6 */
export type NumberState = 'minus' | 'zero' | 'integer' | 'point' | 'fraction' | 'exponent' | 'sign' | 'power';

type NumberByte = 'zero' | 'digit' | 'sign' | 'point' | 'exponent';

const NEXT = {
  minus: { zero: 'zero', digit: 'integer' },
  zero: { point: 'point', exponent: 'exponent' },
  integer: { zero: 'integer', digit: 'integer', point: 'point', exponent: 'exponent' },
  point: { zero: 'fraction', digit: 'fraction' },
  fraction: { zero: 'fraction', digit: 'fraction', exponent: 'exponent' },
  exponent: { zero: 'power', digit: 'power', sign: 'sign' },
  sign: { zero: 'power', digit: 'power' },
  power: { zero: 'power', digit: 'power' },
} as const satisfies Record<NumberState, Partial<Record<NumberByte, NumberState>>>;

/** What an unfinished number lacks; null where it may end. */
export const NUMBER_LACKS = {
  minus: 'a digit',
  zero: null,
  integer: null,
  point: 'a digit',
  fraction: null,
  exponent: "a digit, '+' or '-'",
  sign: 'a digit',
  power: null,
} as const satisfies Record<NumberState, string | null>;

/** The state a value's first byte puts a number in; null when it begins no number. */
export function startNumber(byte: number): NumberState | null {
  if (byte === 0x2d) return 'minus';
  if (byte === 0x30) return 'zero';
  return byte > 0x30 && byte <= 0x39 ? 'integer' : null;
}

/** The state after one more byte; null when the byte is not part of the number. */
export function continueNumber(state: NumberState, byte: number): NumberState | null {
  const next: Partial<Record<NumberByte, NumberState>> = NEXT[state];
  const kind = numberByte(byte);
  return kind === null ? null : (next[kind] ?? null);
}

function numberByte(byte: number): NumberByte | null {
  if (byte === 0x30) return 'zero';
  if (byte > 0x30 && byte <= 0x39) return 'digit';
  if (byte === 0x2e) return 'point';
  if (byte === 0x65 || byte === 0x45) return 'exponent';
  return byte === 0x2b || byte === 0x2d ? 'sign' : null;
}
