import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { readBooks } from './books.ts';
import type { Books } from './books.ts';
import { checkAnswers } from './checks/answers.ts';
import { checkBudgets } from './checks/budgets.ts';
import { checkLog, checkLookUps, checkRequests, checkSpend, checkUpstreamCalls, countedOf } from './checks/counts.ts';
import type { Finding } from './checks/finding.ts';
import { checkIdle } from './checks/idle.ts';
import { checkLeaks } from './checks/leaks.ts';
import { checkLoad } from './checks/load.ts';
import { checkMoney, checkNothingHeld } from './checks/money.ts';
import { checkOnce } from './checks/once.ts';
import type { Trouble } from './checks/once.ts';
import { differences } from './balances.ts';
import { limitsOf, SHORT_LIVED } from './config.ts';
import { eventsOf } from './events.ts';
import type { Instance } from './lives.ts';
import type { Told } from './load/call.ts';
import { askAt } from './load/asks.ts';
import { outagesOf } from './outages.ts';
import { historyOf } from './redis-history.ts';
import type { Soaked } from './run.ts';
import { digestOf } from './witness.ts';

const PLANTAIN = resolve(import.meta.dirname, '../../src/plantain.js');
const FOR_EVER_MS = 7 * 86_400_000;

/** Everything that can be said of a soak. */
export function judge(soaked: Soaked): readonly Finding[] {
  const { options, instances, witness, load, befallen } = soaked;
  const { told } = load;
  const lives = instances.flatMap(({ lives }) => lives);
  const working = lives.map((life) => ({ ...life, end: life === lastOf(instances, life.instance) ? null : life.end }));
  const counted = countedOf(working);
  const books = instances.map(({ directory }) => readBooks(join(directory, 'data/ledger.db')));
  const [first] = books as [Books];
  const bill = witness.bill();
  const outagesOfRedis = befallen.filter(({ event }) => event.kind === 'redis frozen' || event.kind === 'redis killed');
  const history = soaked.redisChanges === null ? first.history : historyOf(soaked.redisChanges);
  const received = witness.calls.map(({ receivedAt }) => receivedAt);
  const happened = {
    seconds: options.seconds,
    told,
    holds: first.holds,
    faultsShown: witness.calls.filter(({ answered }) => answered?.fault != null).length,
    events: {
      planned: eventsOf(options.seed, options.seconds, options.redis).length,
      befallen: befallen.length,
    },
  };
  return [
    checkLoad(happened),
    checkAnswers(told, outagesOf(working)),
    checkLog(counted, told),
    checkRequests(counted, told),
    checkLookUps(counted, told),
    checkUpstreamCalls(counted, received),
    checkSpend(counted, first.holds, told),
    checkMoney(first.holds, bill, promptsOf(options.seed, told)),
    checkNothingHeld(first.holds, first.accounts),
    checkBudgets(history, limitsOf(options.seconds, first.accounts)),
    checkOnce(first.holds, {
      lifetimeMs: (tenant) => (tenant === SHORT_LIVED.tenant ? SHORT_LIVED.ttlSeconds * 1000 : FOR_EVER_MS),
      unstored: [
        ...outagesOf(working).filter(({ by }) => by === 'kill'),
        ...outagesOfRedis,
        ...lives.flatMap(({ unshared }) => unshared),
      ],
      alone: lives.flatMap(({ alone }) => alone),
    }),
    checkLedgers(soaked, books),
    checkIdle(soaked.after, soaked.leases),
    ...soaked.before.map(({ holdings }, index) =>
      checkLeaks(holdings, soaked.after[index]!.holdings, soaked.between, index),
    ),
    checkProcesses(instances, soaked.codes, outagesOfRedis),
  ];
}

function lastOf(instances: readonly Instance[], index: number) {
  return instances[index]!.life;
}

/** By the name of each prompt, its digest as the simulator's log has it. */
function promptsOf(seed: string, told: readonly Told[]): ReadonlyMap<string, string> {
  const asks = new Set(told.map(({ ask }) => ask));
  const subjects = [...asks].map((index) => askAt(seed, index).subject);
  return new Map(subjects.map(({ id, prompt }) => [id, digestOf(prompt)]));
}

/** `ledger verify`, as an operator runs it; and where instances share their books, each has the balances that Redis has. */
function checkLedgers({ instances, redisBalances }: Soaked, books: readonly Books[]): Finding {
  const faults: string[] = [];
  const said = instances.map((instance, index) => {
    const words = ['ledger', 'verify', '--config', 'soak.yaml'];
    const { directory: cwd, environment: env } = instance;
    const { status, stdout, stderr } = spawnSync(process.execPath, [PLANTAIN, ...words], {
      cwd,
      env,
      encoding: 'utf8',
    });
    if (status !== 0) faults.push(`gateway ${index}: ${stdout}${stderr}`);
    return stdout.trim();
  });
  if (redisBalances !== null) faults.push(...differences(books, redisBalances));
  return { check: 'ledger verify', figures: said.join('; '), faults };
}

/** What is said of a store that is gone may be said for so long. */
const HEARD_MS = 5_000;

/** All of them ended as they were told to, and none said that something was wrong with itself while its Redis was there. */
function checkProcesses(instances: readonly Instance[], codes: readonly unknown[], redis: readonly Trouble[]): Finding {
  const lives = instances.flatMap(({ lives }) => lives);
  const isExplained = (at: number): boolean => redis.some(({ from, until }) => at >= from && at <= until + HEARD_MS);
  const faults = lives.flatMap(({ instance, number, end, troubles }) => {
    const expected = end?.by === 'term' ? 0 : 'SIGKILL';
    const ended = end?.code === expected ? [] : [`ended with ${String(end?.code)}, not ${expected}`];
    const said = troubles.filter(({ at }) => !isExplained(at)).map(({ line }) => line);
    return [...ended, ...said].map((fault) => `gateway ${instance}, life ${number}: ${fault}`);
  });
  const figures = `${lives.length} lives, the last ended with ${codes.join(', ')}`;
  return { check: 'processes end in order', figures, faults };
}
