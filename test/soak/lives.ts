import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { RequestLine } from '../../src/log.ts';
import { KEY_NAMES, UPSTREAM_KEYS } from './config.ts';
import { descriptorsOf } from './descriptors.ts';
import type { Descriptors } from './descriptors.ts';
import type { Destination } from './load/call.ts';
import { samplesOf, sumOfSeries } from './metrics.ts';
import type { Probed } from './probe.ts';

/** One process of a gateway, from its start to its end. */
export interface Life {
  readonly instance: number;
  readonly number: number;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** How it ended, or was told to: with what, and when. */
  end: { readonly by: 'term' | 'kill'; readonly from: number; until: number; code: number | string | null } | null;
  readonly lines: SaidLine[];
  /** Lines that say that something is wrong with the gateway itself. */
  readonly troubles: { readonly at: number; readonly line: string }[];
  /** The last one. */
  scrape: Scrape | null;
  /** When it draws what another gateway may be drawing too, by its counters and by its log. */
  readonly alone: Span[];
  /** When what it draws is not to be had by others, by its log. */
  readonly unshared: Span[];
}

interface Span {
  readonly from: number;
  until: number;
}

export type SaidLine = Pick<RequestLine, 'requestId' | 'route' | 'status' | 'outcome'>;

export interface Scrape {
  /** Unix milliseconds: what happened before `from` is in it, what happened after `until` is not. */
  readonly from: number;
  readonly until: number;
  readonly text: string;
}

/** What a process holds just now. */
export type Held = Probed & { readonly descriptors: Descriptors };

const ROOT = resolve(import.meta.dirname, '../..');
/** As in `npm start`, and with a garbage collector that comes when it is called. */
const PROBE = join(import.meta.dirname, 'probe.ts');
const NODE_FLAGS = [
  '--max-semi-space-size=8',
  '--expose-gc',
  '--disable-warning=ExperimentalWarning',
  '--import',
  PROBE,
];
const BANNER = /^Plantain listens on (http:\S+), metrics on (http:\S+)\/metrics/;
const SCRAPE_EVERY_MS = 250;
/** Of a process that has gone. */
const HEARD_WITHIN_MS = 1_000;
/** Between two parts of a vendor's answer: another is another client, with no key that rests. */
const IDLE_MS = 30_000;
const RELOADED_WITHIN_MS = 10_000;
/** A drain that takes longer than any picture hangs. */
const DRAINED_WITHIN_MS = 60_000;
/** pino's: what somebody has to look at. */
const ERROR = 50;
/** What it says when it leaves the Redis of its cache alone for a while, and when it does so no more. */
const RESTS = [
  { from: 'cache: its Redis does not answer', until: 'cache: its Redis answers again', which: 'alone' },
  { from: 'cache: shared pictures cannot be read', until: 'cache: shared pictures can be read', which: 'alone' },
  { from: 'cache: pictures cannot be shared', until: 'cache: pictures are shared again', which: 'unshared' },
] as const;

/** One gateway on one data directory, and all processes it has been. */
export class Instance {
  readonly lives: Life[] = [];
  readonly directory: string;
  readonly #index: number;
  readonly #env: Readonly<Record<string, string>>;
  readonly #config: Readonly<Record<string, unknown>>;
  #reloads = 0;
  #child: ReturnType<typeof fork> | null = null;
  #apiUrl = '';
  #operationsUrl = '';
  #up = Promise.resolve();
  #fail: (error: Error) => void = () => undefined;
  /** Rejects when it ends though nobody told it to. */
  readonly failed: Promise<never>;

  constructor(index: number, directory: string, config: Readonly<Record<string, unknown>>) {
    this.#index = index;
    this.directory = directory;
    this.failed = new Promise((_, fail) => (this.#fail = fail));
    this.failed.catch(() => undefined);
    const keys = UPSTREAM_KEYS.map((key, at) => [KEY_NAMES[at]!, key]);
    this.#config = { ...config, dataDir: join(directory, 'data') };
    this.#env = { HOME: directory, PATH: process.env['PATH'] ?? '', ...(Object.fromEntries(keys) as object) };
    this.#write({});
  }

  #write(changes: Readonly<Record<string, unknown>>): void {
    writeFileSync(join(this.directory, 'soak.yaml'), stringify({ ...this.#config, ...changes }));
  }

  get life(): Life {
    return this.lives.at(-1)!;
  }

  get destination(): Destination {
    return { instance: this.#index, life: this.life.number, url: this.#apiUrl };
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#env;
  }

  /** Resolves when it listens again. */
  whenUp(): Promise<void> {
    return this.#up;
  }

  /** Resolves when it listens. */
  start(): Promise<void> {
    const life: Life = {
      instance: this.#index,
      number: this.lives.length,
      startedAt: Date.now(),
      end: null,
      lines: [],
      troubles: [],
      scrape: null,
      alone: [],
      unshared: [],
    };
    const child = fork(join(ROOT, 'src/start.js'), ['--config', 'soak.yaml'], {
      cwd: this.directory,
      execArgv: NODE_FLAGS,
      env: { ...this.#env, PORT: '0', OPERATIONS_PORT: '0', ADMIN_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    const listens = new Promise<readonly [string, string]>((ready) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const [, api, operations] = BANNER.exec(line) ?? [];
        if (api !== undefined && operations !== undefined) ready([api, operations]);
        else if (line.startsWith('{')) note(life, line);
      });
    });
    child.stdout!.pipe(createWriteStream(join(this.directory, `gateway-${life.number}.log`)));
    createInterface({ input: child.stderr! }).on('line', (line) => life.troubles.push({ at: Date.now(), line }));
    child.once('close', (code, signal) => {
      if (life.end === null)
        this.#fail(new Error(`gateway ${this.#index} ended by itself, with ${code ?? signal}: ${said(life)}`));
      else life.end.code = code ?? signal;
    });
    this.#up = this.#listening(life, listens);
    return this.#up;
  }

  async #listening(life: Life, listens: Promise<readonly [string, string]>): Promise<void> {
    [this.#apiUrl, this.#operationsUrl] = await Promise.race([listens, this.failed]);
    const before = this.lives.at(-1)?.end;
    if (before) before.until = Date.now();
    this.lives.push(life);
    void this.#scrape(life, this.#operationsUrl);
  }

  /** Ends it and starts it again, so many milliseconds later. Resolves when it listens again. */
  async restart(by: 'term' | 'kill', downMs: number): Promise<void> {
    const up = Promise.withResolvers<void>();
    this.#up = up.promise;
    await this.#end(by);
    await sleep(downMs);
    await this.start();
    up.resolve();
  }

  /** SIGHUP, over other upstreams or over a mistake. Resolves when it has said what became of it; then the file is as it was. */
  async reload(isGood: boolean): Promise<void> {
    this.#reloads += 1;
    const upstreams = (this.#config['upstreams'] as readonly object[]).map((each) => ({
      ...each,
      idleMs: IDLE_MS + this.#reloads,
    }));
    const outcome = isGood ? 'applied' : 'refused';
    const told = ({ text }: Scrape): number =>
      sumOfSeries(samplesOf(text), 'plantain_config_reloads_total', { outcome });
    const before = told(await this.scrapeNow());
    this.#write(isGood ? { upstreams } : { upstreams, logLevel: 'loud' });
    this.#child!.kill('SIGHUP');
    const endsAt = Date.now() + RELOADED_WITHIN_MS;
    while (told(await this.scrapeNow()) === before) {
      if (Date.now() > endsAt) throw new Error(`gateway ${this.#index} says nothing of a reload that is ${outcome}`);
      await sleep(SCRAPE_EVERY_MS / 5);
    }
    this.#write({});
  }

  /** Resolves when it has drained and is gone. */
  stop(): Promise<void> {
    return this.#end('term');
  }

  /** Whatever it is doing. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** What it holds when its garbage is gone. */
  async probe(vendorPort: number): Promise<Held> {
    const child = this.#child!;
    child.send('probe');
    const [probed] = (await once(child, 'message')) as [Probed];
    return { ...probed, descriptors: descriptorsOf(child.pid!, vendorPort) };
  }

  /** One more of the process that runs. */
  async scrapeNow(): Promise<Scrape> {
    return (this.life.scrape = await scrapeOf(this.#operationsUrl));
  }

  async #end(by: 'term' | 'kill'): Promise<void> {
    const child = this.#child!;
    const closed = once(child, 'close');
    this.life.end = { by, from: Date.now(), until: Infinity, code: null };
    child.kill(by === 'term' ? 'SIGTERM' : 'SIGKILL');
    const hangs = setTimeout(() => void child.kill('SIGKILL'), DRAINED_WITHIN_MS);
    await closed;
    clearTimeout(hangs);
  }

  /** Again and again until the process is gone: what its counters said is lost with it. */
  async #scrape(life: Life, operationsUrl: string): Promise<void> {
    while (life.end?.code === undefined || life.end.code === null) {
      try {
        const [before, now] = [life.scrape, await scrapeOf(operationsUrl)];
        if (aloneIn(now) > aloneIn(before)) life.alone.push({ from: before?.from ?? life.startedAt, until: now.until });
        life.scrape = now;
      } catch (error) {
        await this.#mayEnd(life, error);
      }
      await sleep(life.end === null ? SCRAPE_EVERY_MS : SCRAPE_EVERY_MS / 5);
    }
  }

  /** Whoever is on his way out need not answer. Whoever crashed is found to have, which says more than this. */
  async #mayEnd(life: Life, error: unknown): Promise<void> {
    if (life.end === null) await sleep(HEARD_WITHIN_MS);
    if (life.end === null) this.#fail(new Error(`gateway ${life.instance} cannot be scraped`, { cause: error }));
  }
}

/** Leases that were not to be had, and what the shared cache was asked and did not answer in time: it is a miss then. */
function aloneIn(scrape: Scrape | null): number {
  if (scrape === null) return 0;
  const samples = samplesOf(scrape.text);
  const sum = (name: string, labels = {}): number => sumOfSeries(samples, name, labels);
  const unanswered = ['late', 'down', 'error'].map((outcome) =>
    sum('plantain_store_op_duration_seconds_count', { store: 'redis-cache', outcome }),
  );
  const failed = sum('plantain_cache_requests_total', { result: 'error' });
  return unanswered.reduce((all, count) => all + count, failed + sum('plantain_lease_troubles_total'));
}

function said({ troubles }: Life): string {
  return troubles.map(({ line }) => line).join(' ');
}

async function scrapeOf(operationsUrl: string): Promise<Scrape> {
  const from = Date.now();
  const reply = await fetch(`${operationsUrl}/metrics`);
  const text = await reply.text();
  if (!reply.ok) throw new Error(`the metrics are ${reply.status}: ${text}`);
  return { from, until: Date.now(), text };
}

/** A rest that is never said to be over lasts as long as the process. */
function noteRest(life: Life, said: string, at: number): void {
  for (const { from, until, which } of RESTS) {
    if (said.startsWith(from)) life[which].push({ from: at, until: Infinity });
    const open = said.startsWith(until) ? life[which].findLast((span) => span.until === Infinity) : undefined;
    if (open !== undefined) open.until = at;
  }
}

function note(life: Life, line: string): void {
  const { level, time, msg, ...fields } = JSON.parse(line) as SaidLine & {
    readonly level: number;
    readonly time: string;
    readonly msg: string;
  };
  if (level >= ERROR) life.troubles.push({ at: Date.parse(time), line });
  noteRest(life, msg, Date.parse(time));
  if (msg !== 'request') return;
  const { requestId, route, status, outcome } = fields;
  life.lines.push({ requestId, route, status, outcome });
}
