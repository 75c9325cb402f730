import type { RedisServer } from '../support/redis-server.ts';
import type { Account, Books } from './books.ts';

const PREFIX = '{plantain}:live:a:';

/** What Redis says that accounts stand at: it is where gateways decide by. */
export async function balancesIn(redis: RedisServer): Promise<readonly Account[]> {
  const keys = (await redis.cli('KEYS', `${PREFIX}*`)).split('\n').filter((key) => key !== '');
  const read = async (key: string): Promise<Account> => {
    const [spent, held] = (await redis.cli('HMGET', key, 's', 'h')).split('\n');
    return { key: key.slice(PREFIX.length), spent: Number(spent ?? 0), held: Number(held ?? 0) };
  };
  return Promise.all(keys.map(read));
}

/** Where the copies of the gateways differ from what Redis says. */
export function differences(copies: readonly Pick<Books, 'accounts'>[], redis: readonly Account[]): readonly string[] {
  const told = (accounts: readonly Account[]): string =>
    accounts
      .map(({ key, spent, held }) => `${key}: ${spent} spent, ${held} held`)
      .toSorted()
      .join('; ');
  return copies.flatMap(({ accounts }, index) =>
    told(accounts) === told(redis) ? [] : [`gateway ${index} says ${told(accounts)}, and Redis ${told(redis)}`],
  );
}
