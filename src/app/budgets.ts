import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config.ts';
import { formatUsd } from '../image/price.ts';
import type { Log } from '../log.ts';
import type { BudgetReading, Metrics } from '../metrics.ts';
import { watchBudgets } from '../tenants/alerts.ts';
import type { Alert } from '../tenants/alerts.ts';
import type { Account } from '../tenants/budget.ts';
import { standingsOf } from '../tenants/standings.ts';
import type { Payer, SpendState } from '../tenants/state.ts';
import { createWebhook } from '../upstreams/webhook.ts';
import type { Webhook } from '../upstreams/webhook.ts';
import { logTrouble } from './outage.ts';

/** More owners than this would be more series than a scrape should have: the rest are added up. */
const MOST_OWNERS = 200;
const OTHERS = 'other';
const DEADLINE_MS = 1_000;

/** Reads how all budgets stand, for a scrape. Empty when the ledger does not answer in time, or at all. */
export function budgetReader(
  state: Pick<SpendState, 'spent'>,
  payersNow: () => readonly Payer[],
  now: () => number,
): () => Promise<readonly BudgetReading[]> {
  const labelsOf = (account: Account, named: ReadonlySet<string>): BudgetReading['labels'] => ({
    level: account.level,
    owner: named.has(ownerOf({ level: account.level, id: account.owner })) ? account.owner : OTHERS,
    per: account.per,
    time_zone: account.timeZone,
    models: account.models === null ? 'all' : account.models.join(','),
  });

  async function read(): Promise<readonly BudgetReading[]> {
    const payers = payersNow();
    const named = new Set(payers.slice(0, MOST_OWNERS).map(ownerOf));
    const readings = new Map<string, BudgetReading>();
    for (const { account, balance } of await standingsOf(state, payers, now())) {
      const labels = labelsOf(account, named);
      const name = JSON.stringify(Object.values(labels));
      const { limitUsd, spentUsd, heldUsd } = readings.get(name) ?? { limitUsd: 0, spentUsd: 0, heldUsd: 0 };
      readings.set(name, {
        labels,
        limitUsd: limitUsd + account.limitNanos / 1e9,
        spentUsd: spentUsd + balance.spentNanos / 1e9,
        heldUsd: heldUsd + balance.heldNanos / 1e9,
      });
    }
    return [...readings.values()];
  }

  return () => {
    const late = Promise.withResolvers<readonly BudgetReading[]>();
    const timer = setTimeout(() => late.resolve([]), DEADLINE_MS);
    // A ledger that cannot be read is told by /readyz; here its gauges are absent, which is the truth about them.
    const reading = read().catch(() => []);
    return Promise.race([reading, late.promise]).finally(() => clearTimeout(timer));
  };
}

function ownerOf({ level, id }: Pick<Payer, 'level' | 'id'>): string {
  return `${level} ${id}`;
}

export interface AlertParts {
  /** As configured now: asked whenever there may be something to tell. */
  readonly config: () => Config['alerts'];
  /** Those of now: who comes later has spent nothing yet that was told before. */
  readonly payers: readonly Payer[];
  readonly metrics: Metrics;
  readonly log: Log;
  readonly now: () => number;
  /** What is spent at the start, for those who must not wait for a store. */
  readonly known: Pick<SpendState, 'spent'>;
}

/** The state, watched for budgets that run out: told to the metrics, the log and the webhook. */
export async function alerting(
  state: SpendState,
  { config, payers, metrics, log, now, known }: AlertParts,
): Promise<{ readonly state: SpendState; readonly close: () => Promise<void> }> {
  const onLost = (reason: string): void => log.warn('alerts: a webhook was not delivered', { reason });
  const open = (to: Config['alerts']['webhook']): Webhook | null => to && createWebhook({ ...to, now, onLost });
  let told = config().webhook;
  let webhook = open(told);
  const opened = webhook === null ? [] : [webhook];

  /** Where alerts go now. What waits for another address still goes there. */
  function receiver(): Webhook | null {
    const to = config().webhook;
    if (isDeepStrictEqual(to, told)) return webhook;
    [told, webhook] = [to, open(to)];
    if (webhook !== null) opened.push(webhook);
    return webhook;
  }

  function onAlert({ account, spentNanos, threshold }: Alert): void {
    const { level, owner, per, timeZone, period, limitNanos, models } = account;
    const words = { level, owner, per, timeZone, period, threshold };
    metrics.alerted(level, threshold);
    log.warn('budget: a threshold is reached', {
      ...words,
      models: models?.join(',') ?? 'all',
      limitUsd: formatUsd(limitNanos),
      spentUsd: formatUsd(spentNanos),
    });
    const amounts = { limitUsd: limitNanos / 1e9, spentUsd: spentNanos / 1e9 };
    receiver()?.send('budget.threshold', { ...words, models, ...amounts });
  }

  const tell = logTrouble(log, 'alerts: the budgets could not be looked at');
  const watched = watchBudgets(state, {
    thresholds: () => config().thresholds,
    standings: config().thresholds.length === 0 ? [] : await standingsOf(known, payers, now()),
    onAlert,
    onFault(error) {
      // A state that is closed, or lost, has said so itself.
      if (state.trouble() === null) tell(error);
    },
  });
  return {
    state: watched,
    async close() {
      await Promise.all(opened.map((each) => each.close()));
    },
  };
}
