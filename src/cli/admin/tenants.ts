import { parseArgs } from 'node:util';
import type { Command } from '../command.ts';
import { asTable, legibleJson } from '../format.ts';
import { adminApi, ADMIN_HELP, ADMIN_OPTIONS } from './call.ts';
import { dollars, given, oneWord, readBudget, readDollars, readNames, words } from './options.ts';

const create: Command = {
  name: 'tenants create',
  summary: 'a tenant beside those of the configuration',
  help: `Usage: npm run plantain -- tenants create ID [options]

  --credit USD               prepaid, in dollars altogether; more by "credit add"
  --budget USD/PER           20/day, 100/month, 500/total; may be given more than once
  --models LIST              the models its keys may use; absent: all
  --organisation ID          whose budgets it shares
  --requests-per-minute N    --images-per-minute N    --concurrent-images N
  --safety-floor THRESHOLD   BLOCK_ONLY_HIGH, BLOCK_MEDIUM_AND_ABOVE, BLOCK_LOW_AND_ABOVE
  --cache WHEN               always, repeatable or never
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const text = { type: 'string' } as const;
    const { values, positionals } = parseArgs({
      args: [...typed],
      allowPositionals: true,
      options: {
        ...ADMIN_OPTIONS,
        credit: text,
        budget: { type: 'string', multiple: true },
        models: text,
        organisation: text,
        'requests-per-minute': text,
        'images-per-minute': text,
        'concurrent-images': text,
        'safety-floor': text,
        cache: text,
      },
    });
    const count = (words_: string | undefined): number | undefined =>
      words_ === undefined ? undefined : Number(words_);
    const limits = given({
      requestsPerMinute: count(values['requests-per-minute']),
      imagesPerMinute: count(values['images-per-minute']),
      concurrentImages: count(values['concurrent-images']),
    });
    const body = given({
      id: oneWord(positionals, 'the id of the new tenant'),
      creditUsd: values.credit === undefined ? undefined : readDollars('--credit', values.credit),
      budgets: values.budget?.map(readBudget),
      models: values.models === undefined ? undefined : readNames(values.models),
      organisation: values.organisation,
      limits: Object.keys(limits).length === 0 ? undefined : limits,
      safety: values['safety-floor'] === undefined ? undefined : { floor: values['safety-floor'] },
      cache: values.cache === undefined ? undefined : { when: values.cache },
    });
    const made = await adminApi(values, surroundings).post('/tenants', body);
    surroundings.print(
      values.json ? legibleJson(made) : `${words(made['id'])}: made; its first key: keys create ${words(made['id'])}\n`,
    );
    return 0;
  },
};

const list: Command = {
  name: 'tenants list',
  summary: 'all tenants',
  help: `Usage: npm run plantain -- tenants list [options]
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const { values } = parseArgs({ args: [...typed], options: ADMIN_OPTIONS });
    const tenants = await adminApi(values, surroundings).list('/tenants?', 'tenants');
    const texts = ['id', 'configured', 'organisation', 'models'];
    surroundings.print(
      values.json
        ? legibleJson(tenants)
        : asTable({
            columns: [...texts.map((name) => ({ name, isNumber: false })), { name: 'credit_usd', isNumber: true }],
            rows: tenants.map((tenant) => [...texts.map((name) => words(tenant[name])), dollars(tenant['creditUsd'])]),
            total: null,
          }),
    );
    return 0;
  },
};

const show: Command = {
  name: 'tenants show',
  summary: 'a tenant with all its settings',
  help: `Usage: npm run plantain -- tenants show ID [options]
`,
  where: ADMIN_HELP,
  async run(typed, surroundings) {
    const { values, positionals } = parseArgs({ args: [...typed], allowPositionals: true, options: ADMIN_OPTIONS });
    const id = oneWord(positionals, 'the id of the tenant');
    surroundings.print(legibleJson(await adminApi(values, surroundings).get(`/tenants/${encodeURIComponent(id)}`)));
    return 0;
  },
};

export const tenantCommands: readonly Command[] = [create, list, show];
