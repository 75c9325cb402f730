import { MB } from '../support/big-picture.ts';
import { askFor, askWithReferences } from './asks.ts';
import type { Wish } from './asks.ts';
import type { Contender, Speech } from './contender.ts';
import type { Ask } from './load/drive.ts';
import type { ReplyName } from './replies.ts';

/** Who is compared in a cell, and how it is asked. */
export interface Lane {
  readonly who: string;
  readonly speech: Speech;
  readonly wish: Wish;
}

/** What is to be reached, as a share of what another lane does in the same cell. DESIGN.md calls it a goal. */
export interface Goal {
  readonly lane: number;
  readonly against: number;
  readonly least: number;
}

/** One line-up: the same work by several, in turns. */
export interface Cell {
  readonly name: string;
  readonly reply: ReplyName;
  readonly connections: number;
  readonly lanes: readonly Lane[];
  readonly goals: readonly Goal[];
  /** Instead of a small request. */
  readonly ask?: (contender: Contender) => Ask;
  /** Left out by `--quick`. */
  readonly isLong?: boolean;
}

const lane = (who: string, speech: Speech = 'gemini', wish: Wish = 'fresh'): Lane => ({ who, speech, wish });
const OURS = 'Plantain';
const PROXIES = [
  lane('direct'),
  lane('nginx'),
  lane('nginx, kept alive'),
  lane('haproxy'),
  lane('Fastify + undici'),
  lane('least of a miss'),
];
const GATEWAYS = [lane('Portkey', 'chat'), lane('LiteLLM', 'chat')];
const OWN = [lane(OURS), lane(OURS, 'images'), lane(OURS, 'gemini', 'stored')];
const FROM_DISK = 'Plantain from disk';
const CACHED = [
  lane('nginx cache', 'gemini', 'again'),
  lane(OURS, 'gemini', 'again'),
  lane(OURS, 'images', 'again'),
  lane(FROM_DISK, 'gemini', 'again'),
  lane('Fastify, from memory', 'gemini', 'again'),
  lane('least of a hit', 'gemini', 'again'),
];

/** Plantain, asked as Gemini, is the first of its lanes. */
const misses = (name: string, reply: ReplyName, connections: number, overNginx: number | null): Cell => ({
  name: `miss, ${name}`,
  reply,
  connections,
  lanes: [...PROXIES, ...GATEWAYS, ...OWN],
  goals: overNginx === null ? [] : [{ lane: 8, against: 1, least: overNginx }],
});
const hits = (name: string, reply: ReplyName, connections: number, overNginx: number): Cell => ({
  name: `hit, ${name}`,
  reply,
  connections,
  lanes: CACHED,
  goals: [{ lane: 1, against: 0, least: overNginx }],
});

export const CELLS: readonly Cell[] = [
  { ...misses('tiny, 8 at once', 'tiny', 8, null), lanes: [...PROXIES, ...OWN], isLong: true },
  {
    ...misses('tiny, 64 at once', 'tiny', 64, null),
    goals: [
      { lane: 8, against: 1, least: 0.7 },
      { lane: 8, against: 6, least: 6 },
    ],
  },
  misses('1.6 MB, 8 at once', '1.6 MB', 8, 1.1),
  misses('20 MB, 8 at once', '20 MB', 8, 1.5),
  { ...misses('JPEG and a signature of 2.9 MB, 8 at once', 'jpeg', 8, null), isLong: true },
  {
    name: 'miss, 14 references of 1 MB in, 4 at once',
    reply: 'tiny',
    connections: 4,
    lanes: [...PROXIES, lane(OURS)],
    goals: [],
    ask: (contender) => askWithReferences(contender, 14, MB),
    isLong: true,
  },
  hits('tiny, 64 at once', 'tiny', 64, 0.4),
  hits('1.6 MB, 8 at once', '1.6 MB', 8, 1.2),
  hits('20 MB, 8 at once', '20 MB', 8, 1.1),
  {
    name: 'hit, JPEG and a signature of 2.9 MB, 8 at once',
    reply: 'jpeg',
    connections: 8,
    lanes: [...CACHED, lane(OURS, 'images', 'again as WebP')],
    goals: [{ lane: 2, against: 1, least: 0.9 }],
    isLong: true,
  },
];

export function askOf(cell: Cell, contender: Contender, { speech, wish }: Lane): Ask {
  return cell.ask?.(contender) ?? askFor(contender, speech, wish, cell.reply);
}
