import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Contender } from '../contender.ts';
import { onServersCore } from '../cores.ts';
import { IMAGE } from '../plantain.ts';

/** No rivals: what of a program in C cannot be reached by them cannot be reached by a gateway of the same packages. */
const BOUNDS = {
  'pass-on': 'Fastify + undici',
  promises: 'least of a miss',
  remember: 'Fastify, from memory',
  account: 'least of a hit',
} as const;
type BoundName = keyof typeof BOUNDS;

/** Where the gateway has its own. */
const COMPILE_CACHE = join(import.meta.dirname, '../../../node_modules/.cache/plantain');

export interface Bound {
  readonly pid: number;
  /** The first line it says. */
  readonly said: string;
  close(): Promise<void>;
}

/** One of the programs of this folder, with the flags and settings that the gateway has. */
export async function startBound(name: BoundName | 'packages', vendorUrl: string): Promise<Bound> {
  const [program, ...words] = onServersCore([process.execPath]);
  const child = fork(join(import.meta.dirname, `${name}.ts`), [vendorUrl], {
    execPath: program!,
    execArgv: [...words, ...IMAGE.flags],
    env: { ...process.env, ...IMAGE.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const ended = once(child, 'close');
  const [said] = (await Promise.race([once(child.stdout!, 'data'), ended])) as [Buffer | number];
  if (typeof said === 'number') throw new Error(`the bound ${name} ended with ${said}`);
  return {
    pid: child.pid!,
    said: said.toString().trim(),
    async close() {
      child.kill();
      await ended;
    },
  };
}

export async function startBounds(
  vendorUrl: string,
): Promise<{ readonly contenders: readonly Contender[]; readonly close: () => Promise<void> }> {
  const started = await Promise.all(
    Object.entries(BOUNDS).map(async ([name, title]) => ({
      title,
      bound: await startBound(name as BoundName, vendorUrl),
    })),
  );
  return {
    contenders: started.map(({ title, bound }) => ({
      name: title,
      url: bound.said,
      headers: {},
      pids: () => [bound.pid],
    })),
    close: async () => void (await Promise.all(started.map(({ bound }) => bound.close()))),
  };
}
