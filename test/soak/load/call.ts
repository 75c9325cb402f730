import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { judgeAnswer } from './answers.ts';
import type { Heard, Verdict } from './answers.ts';
import type { Kind, Tenant } from './asks.ts';
import type { Wire } from './wire.ts';

/** What became of one request, as its caller saw it. */
export interface Told {
  readonly ask: number;
  readonly kind: Kind | 'what followed';
  /** What it is about. */
  readonly subject: string;
  readonly tenant: Tenant;
  /** Pictures that are asked for at most. */
  readonly n: number;
  readonly method: string;
  readonly route: string;
  readonly instance: number;
  /** Which of the processes that instance has been: counted from 0. */
  readonly life: number;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly end: 'answered' | 'hung up' | 'cut' | 'refused' | 'overdue';
  readonly status: number | null;
  readonly requestId: string | null;
  readonly verdict: Verdict | null;
  readonly cacheStatus: string;
  readonly costNanos: number;
  /** Of the connection, when it was cut. */
  readonly error: string | null;
}

/** Where a request goes, and who is behind that address just now. */
export interface Destination {
  readonly instance: number;
  readonly life: number;
  readonly url: string;
}

export interface Manner {
  readonly hangsUpMs: number | null;
  readonly isSlow: boolean;
  readonly isAlone: boolean;
}

export const ORDINARY: Manner = { hangsUpMs: null, isSlow: false, isAlone: false };

/** Longer than anything the gateway may take: who has heard nothing by then never will. */
const OVERDUE_MS = 30_000;
const SLOW_PAUSE_MS = 40;

/** Connections that are kept for the next request, and ended when asked to. */
export class Line {
  #agent = new Agent({ keepAlive: true, maxSockets: 256 });

  /** Sends one request as its caller would, and judges what comes. Rejects never. */
  async call(
    who: Pick<Told, 'ask' | 'kind' | 'subject' | 'tenant' | 'n'>,
    wire: Wire,
    to: Destination,
    manner: Manner,
  ): Promise<Told> {
    const startedAt = Date.now();
    const ended = await this.#send(wire, to.url, manner);
    const heard = 'status' in ended ? ended : null;
    const endedAt = Date.now();
    const verdict = heard && (await judgeAnswer(heard, wire.dialect, wire.shape, who.subject));
    const header = (name: string): string => String(heard?.headers[name] ?? '');
    return {
      ...who,
      method: wire.method,
      route: wire.route,
      instance: to.instance,
      life: to.life,
      startedAt,
      endedAt,
      end: 'end' in ended ? ended.end : 'answered',
      status: heard?.status ?? null,
      requestId: header('x-request-id') || null,
      verdict,
      cacheStatus: header('cache-status'),
      costNanos: Math.round(Number(header('x-plantain-cost-usd')) * 1e9),
      error: 'end' in ended ? ended.error : null,
    };
  }

  /** What is idle is closed; the next request finds a new connection. */
  hangUp(): void {
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true, maxSockets: 256 });
  }

  #send(wire: Wire, url: string, { hangsUpMs, isSlow, isAlone }: Manner): Promise<Heard | Broken> {
    return new Promise((resolve) => {
      let why: Broken['end'] = 'cut';
      const length = wire.body === null ? {} : { 'content-length': wire.body.length };
      const sent = request(new URL(wire.path, url), {
        method: wire.method,
        headers: { ...wire.headers, ...length },
        agent: isAlone ? false : this.#agent,
      });
      const leave = (end: Broken['end']): void => {
        why = end;
        sent.destroy();
      };
      const timers = [setTimeout(() => leave('overdue'), OVERDUE_MS)];
      if (hangsUpMs !== null) timers.push(setTimeout(() => leave('hung up'), hangsUpMs));
      const finish = (ended: Heard | Broken): void => {
        for (const timer of timers) clearTimeout(timer);
        resolve(ended);
      };
      const broken = (error: NodeJS.ErrnoException): void =>
        finish({ end: why === 'cut' && error.code === 'ECONNREFUSED' ? 'refused' : why, error: error.message });
      sent.on('error', broken);
      sent.once('response', (answer) => {
        readWhole(answer, isSlow).then(
          (body) => finish({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
          broken,
        );
      });
      sent.end(wire.body ?? undefined);
    });
  }
}

interface Broken {
  readonly end: Exclude<Told['end'], 'answered'>;
  readonly error: string;
}

async function readWhole(answer: IncomingMessage, isSlow: boolean): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece);
    if (isSlow) await sleep(SLOW_PAUSE_MS);
  }
  if (!answer.complete) throw new Error('the answer ended before its end');
  return Buffer.concat(pieces);
}
