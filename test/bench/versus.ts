import { askFor } from './asks.ts';
import { startBounds } from './bounds/bounds.ts';
import { CELLS } from './cells.ts';
import { alone } from './contender.ts';
import type { Contender } from './contender.ts';
import { benchLatency } from './latency.ts';
import type { LatencyRow } from './latency.ts';
import { driveClosed } from './load/drive.ts';
import { startPlantain } from './plantain.ts';
import { startRivals } from './rivals/rivals.ts';
import { compare } from './side-by-side.ts';
import type { LaneResult } from './side-by-side.ts';
import { startUpstream } from './upstream.ts';

export interface Versus {
  readonly lanes: readonly LaneResult[];
  readonly latency: readonly LatencyRow[];
  /** Who could not be compared with, and why. */
  readonly missing: readonly string[];
}

/** The gateway beside its rivals, before one vendor: the same work in turns. `told` hears of each cell when it is done. */
export async function benchVersus(isQuick: boolean, told: (lanes: readonly LaneResult[]) => void): Promise<Versus> {
  const upstream = await startUpstream();
  const rivals = await startRivals(upstream.url, isQuick ? ['nginx'] : ['nginx', 'haproxy', 'portkey', 'litellm']);
  const bounds = await startBounds(upstream.url);
  const plantain = await startPlantain({ upstreamUrl: upstream.url });
  // What it keeps in memory is too little for any picture.
  const disk = await startPlantain({
    name: 'Plantain from disk',
    upstreamUrl: upstream.url,
    config: { cache: { memoryBytes: 1 } },
  });
  const direct: Contender = { name: 'direct', url: upstream.url, headers: {}, pids: () => [] };
  const contenders = [direct, ...rivals.contenders, ...bounds.contenders, plantain, disk];
  try {
    const lanes: LaneResult[] = [];
    await upstream.set({ reply: 'tiny', delayMs: 0 });
    const compiled = contenders.filter(({ name, pids }) => pids().length > 0 && !IN_C.test(name));
    for (const contender of compiled) await compile(contender, contenders, isQuick ? 0.6 : 1.5);
    for (const cell of CELLS) {
      if (isQuick && cell.isLong === true) continue;
      await upstream.set({ reply: cell.reply, delayMs: 0 });
      const found = await compare(
        cell,
        contenders,
        isQuick
          ? { rounds: 1, seconds: 0.3, warmSeconds: 0.1, leadSeconds: 0.15 }
          : { rounds: 3, seconds: 0.4, warmSeconds: 0.5, leadSeconds: 0.2 },
      );
      told(found);
      lanes.push(...found);
    }
    const latency = await benchLatency(
      upstream,
      contenders,
      isQuick ? { rounds: 1, seconds: 1.2 } : { rounds: 3, seconds: 1.5 },
    );
    return { lanes, latency, missing: rivals.missing };
  } finally {
    await Promise.all([rivals.close(), bounds.close(), plantain.close(), disk.close()]);
    await upstream.close();
  }
}

/** Rivals that know no other dialect. */
const CHATTING = /^(Portkey|LiteLLM)$/;
const IN_C = /^(nginx|haproxy)/;
const COMPILED_CONNECTIONS = 16;

/** What V8 compiles to machine code after some thousand requests is what runs for days. */
async function compile(contender: Contender, all: readonly Contender[], seconds: number): Promise<void> {
  const { name, url } = contender;
  const ask = askFor(contender, CHATTING.test(name) ? 'chat' : 'gemini', 'fresh', 'tiny');
  const load = { url, ask, connections: COMPILED_CONNECTIONS, seconds };
  await alone(contender, all, () => driveClosed(load));
}
