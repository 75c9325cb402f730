import type { ScaleRow, Subject } from './row.ts';

/** A line over how many there are of something. */
interface Panel {
  readonly title: string;
  readonly subject: Subject;
  readonly what: string;
  readonly unit: string;
  /** In words, where DESIGN.md calls it a goal: it is drawn if the rows have it. */
  readonly goal?: string;
}

const PANELS: readonly Panel[] = [
  {
    title: 'memory of each in the air',
    subject: 'generations in the air',
    what: 'resident, each',
    unit: 'KB',
    goal: 'goal',
  },
  { title: 'CPU of a small miss, by tenants', subject: 'tenants', what: 'CPU of a miss', unit: 'ms' },
  {
    title: 'a hit out of the disk, by entries',
    subject: 'entries on disk',
    what: 'a hit out of the disk, p50',
    unit: 'ms',
  },
];

const WIDTH = 280;
const HEIGHT = 170;
const LEFT = 16;
const RIGHT = 36;
const TOP = 56;
const BOTTOM = 30;
const GAP = 20;
/** Both are read on white and on black. */
const GREY = '#808890';
const LINE = '#3f9142';
const FONT = 'font-family="system-ui, sans-serif"';

interface Point {
  readonly x: number;
  readonly y: number;
}

/** An SVG without fonts or styles of anybody else's. `where`: on which machine, under what load. */
export function plotOf(rows: readonly ScaleRow[], where: string): string {
  const width = PANELS.length * WIDTH + (PANELS.length - 1) * GAP;
  const panels = PANELS.map(
    (panel, index) => `<g transform="translate(${index * (WIDTH + GAP)} 0)">${drawn(panel, rows)}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT + 26}" width="${width}" height="${HEIGHT + 26}" role="img" aria-label="One gateway process, measured at several scales" ${FONT} font-size="11" fill="${GREY}">
${panels.join('\n')}
${text(LEFT, HEIGHT + 18, where)}
</svg>
`;
}

function drawn({ title, subject, what, unit, goal }: Panel, rows: readonly ScaleRow[]): string {
  const found = rows.filter((row) => row.subject === subject && row.what === what && row.count > 0);
  const most = goal === undefined ? undefined : found[0]?.most;
  const heading = `${text(LEFT, 16, title, 'font-size="13" font-weight="600"')}${text(LEFT, 32, unit)}`;
  if (found.length === 0) return `${heading}${text(LEFT, TOP + 20, 'not measured')}`;
  const at = scaleOf(found, most);
  const points = found.map((row) => at(row.count, row.value));
  const floor = HEIGHT - BOTTOM;
  return [
    heading,
    `<path d="M${LEFT} ${floor}H${WIDTH - RIGHT + 20}" stroke="${GREY}" stroke-opacity=".5"/>`,
    most === undefined ? '' : goalLine(at(1, most).y, `${goal} ${labelOf(most)}`),
    `<polyline points="${points.map(({ x, y }) => `${x},${y}`).join(' ')}" fill="none" stroke="${LINE}" stroke-width="2"/>`,
    ...points.map(({ x, y }, index) => {
      const { count, value } = found[index]!;
      const dot = `<circle cx="${x}" cy="${y}" r="3.5" fill="${LINE}"/>`;
      return `${dot}${text(x, y - 8, labelOf(value), MIDDLE)}${text(x, floor + 16, count.toLocaleString('en'), MIDDLE)}`;
    }),
  ].join('');
}

const MIDDLE = 'text-anchor="middle"';

/** Counts by their logarithm, values from nothing up. */
function scaleOf(rows: readonly ScaleRow[], most = 0): (count: number, value: number) => Point {
  const counts = rows.map(({ count }) => Math.log10(count));
  const [least, span] = [Math.min(...counts), Math.max(...counts) - Math.min(...counts)];
  const highest = Math.max(most, ...rows.map(({ value }) => value), Number.MIN_VALUE);
  const round = (value: number): number => Math.round(value * 10) / 10;
  return (count, value) => ({
    x: round(LEFT + 20 + (span === 0 ? 0.5 : (Math.log10(count) - least) / span) * (WIDTH - LEFT - RIGHT - 20)),
    y: round(HEIGHT - BOTTOM - (Math.max(0, value) / highest) * (HEIGHT - BOTTOM - TOP)),
  });
}

function goalLine(y: number, words: string): string {
  const line = `<path d="M${LEFT} ${y}H${WIDTH - RIGHT + 20}" stroke="${GREY}" stroke-dasharray="3 4"/>`;
  return `${line}${text(WIDTH - RIGHT + 20, y - 5, words, 'text-anchor="end"')}`;
}

function labelOf(value: number): string {
  return value < 10 ? value.toFixed(value < 2 ? 2 : 1) : Math.round(value).toLocaleString('en');
}

function text(x: number, y: number, words: string, more = ''): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}"${more === '' ? '' : ` ${more}`}>${escaped}</text>`;
}
