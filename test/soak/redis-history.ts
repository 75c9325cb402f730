import type { RedisServer } from '../support/redis-server.ts';
import type { Change } from './books.ts';

/** An entry of the ledger in Redis, as far as it is about money. */
export type Op =
  | { readonly verb: 'reserve'; readonly holds: readonly Reserved[] }
  | { readonly verb: 'settle'; readonly id: string; readonly ended: { readonly nanos: number } }
  | { readonly verb: 'release'; readonly id: string }
  | { readonly verb: 'expire'; readonly ids: readonly string[] }
  | { readonly verb: 'save' | 'resync' };

interface Reserved {
  readonly id: string;
  readonly worstNanos: number;
  readonly accounts: readonly { readonly key: string }[];
}

const LOG = '{plantain}:live:log';
const AT_A_TIME = 300;

/** Every change, in the order in which Redis decided it. Each gateway hears of its own and of others' by different ways, and writes them down in another. */
export async function changesIn(redis: RedisServer): Promise<readonly Op[]> {
  const ops: Op[] = [];
  for (let after = '-'; ;) {
    const said = await redis.cli('--json', 'XRANGE', LOG, after, '+', 'COUNT', String(AT_A_TIME));
    const entries = JSON.parse(said) as readonly (readonly [id: string, fields: readonly string[]])[];
    for (const [, fields] of entries) ops.push(JSON.parse(fields[fields.indexOf('op') + 1]!) as Op);
    const last = entries.at(-1);
    if (last === undefined || entries.length < AT_A_TIME) return ops;
    after = `(${last[0]}`;
  }
}

/** What these changes did to accounts. Throws at what it does not know. */
export function historyOf(ops: readonly Op[]): readonly Change[] {
  const holds = new Map<string, Reserved & { isHeld: boolean; charged: number }>();
  const end = (id: string, kind: string, nanos: number | null): readonly Change[] => {
    const hold = holds.get(id);
    if (hold === undefined) throw new Error(`a ${kind} of ${id}, which was never reserved`);
    const held = hold.isHeld ? -hold.worstNanos : 0;
    const charged = nanos ?? hold.worstNanos;
    const spent = charged - hold.charged;
    hold.isHeld = false;
    hold.charged = charged;
    return hold.accounts.map(({ key }) => ({ account: key, hold: id, kind, held, spent }));
  };
  return ops.flatMap((op): readonly Change[] => {
    switch (op.verb) {
      case 'reserve':
        for (const hold of op.holds) holds.set(hold.id, { ...hold, isHeld: true, charged: 0 });
        return op.holds.flatMap(({ id, worstNanos, accounts }) =>
          accounts.map(({ key }) => ({ account: key, hold: id, kind: 'reserve', held: worstNanos, spent: 0 })),
        );
      case 'settle':
        return end(op.id, 'settle', op.ended.nanos);
      case 'release':
        return end(op.id, 'release', 0);
      case 'expire':
        return op.ids.flatMap((id) => end(id, 'expire', null));
      case 'save':
      case 'resync':
        return [];
      default:
        throw new Error(`an entry that is unknown here: ${JSON.stringify(op satisfies never)}`);
    }
  });
}
