import type { Pixels } from '../image/size.ts';
import { ADVANCE, charactersOf, inkText, LINE, wrap } from './font.ts';

/** Raw pixels, three bytes each, rows from the top. */
export interface Canvas extends Pixels {
  readonly data: Buffer;
  readonly channels: 3;
}

type Colour = readonly [red: number, green: number, blue: number];

const SHORT_SIDE = 96;
const MARK = 'SIMULATED';
const CAPTION_LINES = 3;
const PAPER: Colour = [250, 248, 240];

/**
 * A landscape decided by the digest, the mark above it and the first words of the prompt below, a tenth or so of the
 * size of the picture it is enlarged to.
 */
export function draw(digest: Buffer, prompt: string, size: Pixels): Canvas {
  const scale = Math.max(1, Math.floor(Math.min(size.width, size.height) / SHORT_SIDE));
  const width = Math.ceil(size.width / scale);
  const height = Math.ceil(size.height / scale);
  const canvas: Canvas = { data: Buffer.alloc(width * height * 3), width, height, channels: 3 };
  paintLandscape(canvas, digest);
  paintBanner(canvas, [MARK], 0);
  const lines = wrap(prompt, Math.floor((width - 4) / ADVANCE), CAPTION_LINES);
  if (lines.length > 0) paintBanner(canvas, lines, height - lines.length * LINE - 3);
  return canvas;
}

function paintLandscape(canvas: Canvas, digest: Buffer): void {
  const { width, height } = canvas;
  const dial = (index: number): number => (digest[index % digest.length] ?? 0) / 255;
  const hue = dial(0) * 360;
  const above = colour(hue, 0.55, 0.45);
  const below = colour(hue + 30 + dial(1) * 60, 0.7, 0.8);
  const sun = colour(hue + 150 + dial(2) * 60, 0.8, 0.75);
  const radius = Math.min(width, height) * (0.08 + dial(3) * 0.1);
  const sunX = width * (0.15 + dial(4) * 0.7);
  const sunY = height * (0.2 + dial(5) * 0.25);
  const hills = [0, 1, 2].map((layer) => ({
    colour: colour(hue + 200 + dial(6 + layer) * 50, 0.45, 0.5 - layer * 0.13),
    skyline: skyline(width, height, layer, (index) => dial(9 + layer * 6 + index)),
  }));
  for (let y = 0; y < height; y++) {
    const sky = mix(above, below, y / height);
    for (let x = 0; x < width; x++) {
      const hill = hills.findLast(({ skyline }) => y >= (skyline[x] ?? height));
      const inSun = (x - sunX) ** 2 + (y - sunY) ** 2 <= radius ** 2;
      put(canvas, x, y, hill?.colour ?? (inSun ? sun : sky));
    }
  }
}

/** The height at which a hill begins, for each column: two waves over each other. */
function skyline(width: number, height: number, layer: number, dial: (index: number) => number): number[] {
  const base = height * (0.5 + layer * 0.13);
  const span = Math.min(width, height);
  return Array.from({ length: width }, (_, x) => {
    const long = Math.sin((x / span) * (1.5 + dial(0) * 2) + dial(1) * 6.3) * span * (0.05 + dial(2) * 0.08);
    const short = Math.sin((x / span) * (7 + dial(3) * 6) + dial(4) * 6.3) * span * 0.03 * dial(5);
    return base - long - short;
  });
}

function paintBanner(canvas: Canvas, lines: readonly string[], top: number): void {
  const bottom = Math.min(canvas.height, top + lines.length * LINE + 3);
  for (let y = Math.max(0, top); y < bottom; y++) {
    for (let x = 0; x < canvas.width; x++) darken(canvas, x, y);
  }
  for (const [index, line] of lines.entries()) {
    const indent = Math.floor((canvas.width - charactersOf(line).length * ADVANCE + 1) / 2);
    inkText(line, indent, top + 2 + index * LINE, (x, y) => put(canvas, x, y, PAPER));
  }
}

function put(canvas: Canvas, x: number, y: number, [red, green, blue]: Colour): void {
  if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return;
  const at = (y * canvas.width + x) * 3;
  canvas.data[at] = red;
  canvas.data[at + 1] = green;
  canvas.data[at + 2] = blue;
}

function darken(canvas: Canvas, x: number, y: number): void {
  const at = (y * canvas.width + x) * 3;
  for (let channel = at; channel < at + 3; channel++) canvas.data[channel] = (canvas.data[channel] ?? 0) * 0.3;
}

function mix(from: Colour, to: Colour, share: number): Colour {
  const between = (a: number, b: number): number => a + (b - a) * share;
  return [between(from[0], to[0]), between(from[1], to[1]), between(from[2], to[2])];
}

/** https://www.w3.org/TR/css-color-4/#hsl-to-rgb */
function colour(hue: number, saturation: number, lightness: number): Colour {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number): number => {
    const k = (offset + hue / 30) % 12;
    return 255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}
