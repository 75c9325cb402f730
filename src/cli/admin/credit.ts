import { parseArgs } from 'node:util';
import type { JsonMap } from '../../tenants/settings.ts';
import { WrongUse } from '../command.ts';
import type { Command } from '../command.ts';
import { asTable, legibleJson } from '../format.ts';
import { adminApi, ADMIN_HELP, ADMIN_OPTIONS } from './call.ts';
import { dollars, readDollars, words } from './options.ts';

const OWNER_OPTIONS = { ...ADMIN_OPTIONS, tenant: { type: 'string' } } as const;

const show: Command = {
  name: 'credit show',
  summary: 'prepaid credit: its limit, what is spent and held of it, what is left',
  help: `Usage: npm run plantain -- credit show [KEY] [options]

  --tenant ID        that of a tenant instead of a key's; with neither: all of it
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const { values, positionals } = parseArgs({ args: [...typed], allowPositionals: true, options: OWNER_OPTIONS });
    const [key, ...others] = positionals;
    if (others.length > 0 || (key !== undefined && values.tenant !== undefined))
      throw new WrongUse('Name one key, or one tenant with --tenant.');
    const query = Object.entries({ key, tenant: values.tenant })
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
      .join('&');
    const credits = await adminApi(values, surroundings).list(`/credit?${query}`, 'credits');
    if (credits.length === 0 && query !== '') throw new Error('It has no prepaid credit.');
    surroundings.print(values.json ? legibleJson(credits) : tableOf(credits));
    return 0;
  },
};

const add: Command = {
  name: 'credit add',
  summary: 'top up the prepaid credit of a key or a tenant',
  help: `Usage: npm run plantain -- credit add KEY USD [options]
       npm run plantain -- credit add --tenant ID USD [options]

Who had no credit is prepaid from then on. Less than 0 takes credit back: credit add KEY -- -2.50
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const { values, positionals } = parseArgs({ args: [...typed], allowPositionals: true, options: OWNER_OPTIONS });
    const amount = positionals.at(-1);
    const [key, ...others] = positionals.slice(0, -1);
    if (amount === undefined || others.length > 0 || (key === undefined) === (values.tenant === undefined))
      throw new WrongUse('Name one key, or one tenant with --tenant, and an amount of dollars.');
    const owner: JsonMap = key === undefined ? { tenant: values.tenant ?? '' } : { key };
    const body = { ...owner, usd: readDollars('The amount', amount) };
    const stands = await adminApi(values, surroundings).post('/credit', body);
    surroundings.print(values.json ? legibleJson(stands) : tableOf([stands]));
    return 0;
  },
};

export const creditCommands: readonly Command[] = [show, add];

function tableOf(credits: readonly JsonMap[]): string {
  const texts = ['level', 'owner'];
  const numbers = ['limitUsd', 'spentUsd', 'heldUsd', 'leftUsd'];
  return asTable({
    columns: [
      ...texts.map((name) => ({ name, isNumber: false })),
      ...numbers.map((name) => ({ name: name.replace('Usd', '_usd'), isNumber: true })),
    ],
    rows: credits.map((credit) => [
      ...texts.map((name) => words(credit[name])),
      ...numbers.map((name) => dollars(credit[name])),
    ]),
    total: null,
  });
}
