/** A 5x7 alphabet of our own: one digit of base 32 a row, top first, the leftmost pixel in the highest of five bits. */
const GLYPHS: Readonly<Record<string, string>> = {
  ' ': '0000000',
  A: 'ehhvhhh',
  B: 'uhhuhhu',
  C: 'ehggghe',
  D: 'uhhhhhu',
  E: 'vgguggv',
  F: 'vgguggg',
  G: 'ehgnhhf',
  H: 'hhhvhhh',
  I: 'e44444e',
  J: '72222ic',
  K: 'hikokih',
  L: 'ggggggv',
  M: 'hrllhhh',
  N: 'hhpljhh',
  O: 'ehhhhhe',
  P: 'uhhuggg',
  Q: 'ehhhlid',
  R: 'uhhukih',
  S: 'fgge11u',
  T: 'v444444',
  U: 'hhhhhhe',
  V: 'hhhhha4',
  W: 'hhhllla',
  X: 'hha4ahh',
  Y: 'hhha444',
  Z: 'v1248gv',
  0: 'ehjlphe',
  1: '4c4444e',
  2: 'eh1248v',
  3: 'v2421he',
  4: '26aiv22',
  5: 'vgu11he',
  6: '68guhhe',
  7: 'v124888',
  8: 'ehhehhe',
  9: 'ehhf12c',
  '.': '00000cc',
  ',': '0000c48',
  '!': '4444404',
  '?': 'eh12404',
  ':': '0cc0cc0',
  ';': '0cc0c48',
  "'": 'c480000',
  '"': 'aaa0000',
  '(': '2488842',
  ')': '8422248',
  '-': '000v000',
  '+': '044v440',
  '=': '00v0v00',
  _: '000000v',
  '*': '04lel40',
  '/': '01248g0',
  '&': 'cik8lid',
  '%': 'op248j3',
  '#': 'aavavaa',
  $: '4fke5u4',
};

const BOX = 'vhhhhhv';

/** Pixels from one character, or line, to the next. */
export const ADVANCE = 6;
export const LINE = 9;

const segmenter = new Intl.Segmenter('en');

/** What a reader takes for one character each: an emoji of seven code points is one. */
export function charactersOf(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Calls `ink` for every pixel of a line of text whose top left corner is at x, y. What has no glyph is a box. */
export function inkText(text: string, x: number, y: number, ink: (x: number, y: number) => void): void {
  for (const [index, character] of charactersOf(text).entries()) {
    const rows = GLYPHS[character.toUpperCase()] ?? BOX;
    for (let row = 0; row < 7; row++) {
      const bits = Number.parseInt(rows[row] ?? '0', 32);
      for (let column = 0; column < 5; column++) {
        if (bits & (16 >> column)) ink(x + index * ADVANCE + column, y + row);
      }
    }
  }
}

/** Breaks text into at most `lines` lines of `columns` characters, at words where it can; a cut is shown by dots. */
export function wrap(text: string, columns: number, lines: number): string[] {
  const wrapped: string[][] = [];
  // Nothing beyond this many UTF-16 units can matter, and prompts may be long.
  for (const word of text.slice(0, lines * columns * 4).split(/\s+/)) {
    const characters = charactersOf(word);
    for (let at = 0; at < characters.length; at += columns) {
      const piece = characters.slice(at, at + columns);
      const line = wrapped.at(-1);
      if (line && line.length + 1 + piece.length <= columns) line.push(' ', ...piece);
      else wrapped.push(piece);
    }
  }
  if (wrapped.length > lines) wrapped[lines - 1] = [...(wrapped[lines - 1] ?? []).slice(0, columns - 2), '..'];
  return wrapped.slice(0, lines).map((line) => line.join(''));
}
