import { setImmediate as giveWay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { isDamaged, isStoreFailure } from '../sqlite.ts';
import { openCatalogue, removeCatalogue } from './disk-catalogue.ts';
import type { Catalogue, Reservation } from './disk-catalogue.ts';
import { FOLDERS } from './disk-tree.ts';
import { addUp } from './store.ts';
import type { Bounds, Card, Claim, EvictionReason, Purged, Selection, Standing, TaskRow } from './store.ts';

export interface DiskStart extends Bounds {
  readonly directory: string;
}

/** What the thread is asked. */
export type DiskOperation =
  | { readonly verb: 'find'; readonly name: string }
  | { readonly verb: 'reserve'; readonly name: string; readonly card: Card }
  | { readonly verb: 'file'; readonly reservation: number; readonly drafts: Readonly<Record<string, string>> }
  | { readonly verb: 'abandon'; readonly reservation: number }
  | { readonly verb: 'delete'; readonly name: string }
  | { readonly verb: 'touch'; readonly uses: readonly (readonly [name: string, hits: number])[] }
  | { readonly verb: 'purge'; readonly selection: Selection }
  | { readonly verb: 'stats' }
  | { readonly verb: 'list'; readonly scope: string; readonly model: string; readonly most: number }
  | { readonly verb: 'mayPin'; readonly scope: string; readonly bytes: number }
  | { readonly verb: 'sweep'; readonly at: number }
  | { readonly verb: 'check' }
  | { readonly verb: 'claim'; readonly claim: Claim }
  | { readonly verb: 'claims'; readonly at: number }
  | { readonly verb: 'task'; readonly task: TaskRow }
  | { readonly verb: 'dropTask'; readonly id: string }
  | { readonly verb: 'tasks'; readonly at: number };

/** What it answers, each verb only what concerns it. */
export interface DiskTold {
  readonly card?: Card | null;
  readonly cards?: readonly Card[];
  /** Null: there is no room. */
  readonly reservation?: number | null;
  readonly done?: boolean;
  readonly purged?: Purged;
  readonly standings?: readonly Standing[];
  readonly claims?: readonly Claim[];
  readonly tasks?: readonly TaskRow[];
}

export interface DiskQuestion {
  readonly number: number;
  readonly operation: DiskOperation;
}

export interface DiskAnswer {
  readonly number: number;
  readonly outcome: { readonly told: DiskTold } | { readonly failed: { message: string; code: string | null } };
  /** How the store stands after it. */
  readonly bytes: number;
  readonly evicted: readonly EvictionReason[];
  /** The catalogue was made anew, since the one there was could not be read or is gone. */
  readonly isNew: boolean;
}

/** As many as are removed, or only counted, before the next question gets its turn: some milliseconds. */
const SLICE = 20;
const COUNTED_SLICE = 2_000;

const port = parentPort!;
const start = workerData as DiskStart;
let evicted: EvictionReason[] = [];
let open: Catalogue | null = null;
let isNew = false;
/** The next folder to sweep; those of a catalogue are swept once. */
let folder = 0;
let reservations = new Map<number, Reservation>();
let lastReservation = 0;

port.on('message', (question: DiskQuestion | 'close') => {
  if (question === 'close') {
    open?.close();
    open = null;
    port.close();
  } else void answer(question);
});

async function answer({ number, operation }: DiskQuestion): Promise<void> {
  let outcome: DiskAnswer['outcome'];
  try {
    outcome = { told: await perform(operation) };
  } catch (error) {
    outcome = { failed: plain(error) };
    // It may be the file, or what is left of it: the next question opens it anew.
    if (isStoreFailure(error)) shut(isDamaged(error));
  }
  port.postMessage({ number, outcome, bytes: open?.bytes ?? 0, evicted, isNew } satisfies DiskAnswer);
  evicted = [];
  isNew = false;
}

/** What takes long gives way between its slices, so nothing of it may be kept over one: the catalogue may be another. */
function perform(operation: DiskOperation): DiskTold | Promise<DiskTold> {
  const catalogue = opened();
  switch (operation.verb) {
    case 'find':
      return { card: catalogue.find(operation.name) };
    case 'list':
      return { cards: catalogue.list(operation.scope, operation.model, operation.most) };
    case 'reserve':
      return reserve(operation.name, operation.card);
    case 'file':
      return { done: file(catalogue, operation.reservation, operation.drafts) };
    case 'delete':
      return { done: catalogue.delete(operation.name) };
    case 'purge':
      return purge(operation.selection);
    case 'mayPin':
      return { done: catalogue.mayPin(operation.scope, operation.bytes) };
    case 'stats':
      return stats();
    case 'sweep':
      return sweep(operation.at);
    case 'claims':
      return { claims: catalogue.claims(operation.at) };
    case 'tasks':
      return { tasks: catalogue.tasks(operation.at) };
    case 'task':
      inPlace().task(operation.task);
      return { done: true };
    case 'dropTask':
      catalogue.dropTask(operation.id);
      break;
    case 'abandon':
      abandon(catalogue, operation.reservation);
      break;
    case 'touch':
      catalogue.touch(operation.uses);
      break;
    case 'check':
      inPlace();
      break;
    case 'claim':
      catalogue.claim(operation.claim);
      break;
  }
  return {};
}

function opened(): Catalogue {
  if (open !== null) return open;
  const made = openCatalogue({ ...start, onEvict: (reason) => void evicted.push(reason) });
  open = made.catalogue;
  isNew ||= made.isNew;
  folder = 0;
  reservations = new Map();
  return open;
}

/** The catalogue of the directory as it is now. */
function inPlace(): Catalogue {
  const catalogue = opened();
  if (catalogue.isInPlace()) return catalogue;
  shut(false);
  const another = opened();
  isNew = true;
  return another;
}

function shut(isBroken: boolean): void {
  try {
    open?.close();
    if (isBroken) removeCatalogue(start.directory);
  } finally {
    open = null;
  }
}

function reserve(name: string, card: Card): DiskTold {
  const reservation = inPlace().reserve(name, card);
  if (reservation === null) return { reservation: null };
  lastReservation += 1;
  reservations.set(lastReservation, reservation);
  return { reservation: lastReservation };
}

/** One that was made in another catalogue than the one open now is worth nothing. */
function file(catalogue: Catalogue, number: number, drafts: Readonly<Record<string, string>>): boolean {
  const reservation = reservations.get(number);
  if (reservation === undefined) return false;
  try {
    return catalogue.file(reservation, drafts);
  } finally {
    abandon(catalogue, number);
  }
}

function abandon(catalogue: Catalogue, number: number): void {
  const reservation = reservations.get(number);
  reservations.delete(number);
  if (reservation !== undefined) catalogue.abandon(reservation);
}

async function purge(selection: Selection): Promise<DiskTold> {
  let [entries, bytes] = [0, 0];
  for (let after: number | null = 0; after !== null; await giveWay()) {
    const slice: ReturnType<Catalogue['purge']> = opened().purge(selection, after, SLICE);
    entries += slice.entries;
    bytes += slice.bytes;
    after = slice.next;
  }
  return { purged: { entries, bytes } };
}

async function stats(): Promise<DiskTold> {
  const standings: Standing[] = [];
  for (let after: number | null = 0; after !== null; await giveWay()) {
    const slice: ReturnType<Catalogue['stats']> = opened().stats(after, COUNTED_SLICE);
    standings.push(...slice.standings);
    after = slice.next;
  }
  return { standings: addUp(standings) };
}

async function sweep(at: number): Promise<DiskTold> {
  while (inPlace().sweepEntries(at, SLICE)) await giveWay();
  for (; folder < FOLDERS.length; folder += 1) {
    opened().sweepFolder(folder);
    await giveWay();
  }
  return {};
}

function plain(error: unknown): { message: string; code: string | null } {
  if (!(error instanceof Error)) return { message: String(error), code: null };
  return { message: error.message, code: 'code' in error ? String(error.code) : null };
}
