import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatUsd, usdToNanos } from '../image/price.ts';
import { WrongUse } from './command.ts';
import type { Command, Surroundings } from './command.ts';
import { legible } from './format.ts';
import { TENANT_HELP, TENANT_OPTIONS, tenantApi } from './tenant-api.ts';
import type { Priced, TenantApi } from './tenant-api.ts';
import { listOf, readList } from './warm-list.ts';
import type { Wanted } from './warm-list.ts';

const MOST_AT_ONCE = 32;

export const cacheWarm: Command = {
  name: 'cache warm',
  summary: 'have pictures drawn before they are asked for; tells the price first',
  help: `Usage: npm run plantain -- cache warm FILE [options]

FILE has one request a line (JSON Lines; - is standard input): a body of POST /v1/images/generations, or, for another path,
{"path": "/v1beta/models/MODEL:generateContent", "body": {...}}. Nothing is drawn before every line is known to be right.

  --yes              draw without asking
  --most-usd N       draw nothing if all of it could cost more than this
  --concurrency N    so many at one time (1 to ${MOST_AT_ONCE}; default: 2)
  --max-age SECONDS  send Cache-Control: max-age with each, as those do who ask without a seed
`,
  where: TENANT_HELP,
  async run(words, surroundings) {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        ...TENANT_OPTIONS,
        yes: { type: 'boolean', default: false },
        'most-usd': { type: 'string' },
        concurrency: { type: 'string', default: '2' },
        'max-age': { type: 'string' },
      },
    });
    const [file, ...others] = positionals;
    if (file === undefined || others.length > 0) throw new WrongUse('Name one file of requests.');
    const atOnce = readCount('--concurrency', values.concurrency, MOST_AT_ONCE);
    const mostNanos = readUsd('--most-usd', values['most-usd']);
    const maxAge = values['max-age'];
    const maxAgeSeconds = maxAge === undefined ? null : readCount('--max-age', maxAge, 1e9);
    const api = tenantApi({ gateway: values.gateway, maxAgeSeconds }, surroundings);
    const list = readList(await textOf(file, surroundings));

    const prices = await priceAll(api, list, atOnce);
    const toDraw = list.filter((_, index) => prices[index]!.toDraw > 0);
    surroundings.print(offer(prices));
    if (toDraw.length === 0) return 0;
    if (!(await isWanted(prices, { mostNanos, isSure: values.yes }, surroundings))) return 1;
    return drawAll(api, toDraw, atOnce, surroundings);
  },
};

async function textOf(file: string, { input, workingDirectory }: Surroundings): Promise<string> {
  return file === '-' ? input() : readFileSync(resolve(workingDirectory, file), 'utf8');
}

async function priceAll(api: TenantApi, list: readonly Wanted[], atOnce: number): Promise<readonly Priced[]> {
  const prices: Priced[] = [];
  const mistakes: string[] = [];
  await inParallel([...list.entries()], atOnce, async ([index, wanted]) => {
    try {
      const priced = await api.price(wanted);
      prices[index] = priced;
      if (priced.unkept !== null) mistakes.push(`line ${wanted.line}: ${unkeptWords(priced.unkept)}`);
    } catch (error) {
      mistakes.push(`line ${wanted.line}: ${legible(error instanceof Error ? error.message : String(error))}`);
    }
  });
  if (mistakes.length === 0) return prices;
  const inOrder = mistakes.toSorted((a, b) => Number.parseInt(a.slice(5), 10) - Number.parseInt(b.slice(5), 10));
  throw new Error(`${listOf(inOrder)}\nNothing was drawn.`);
}

function unkeptWords(reason: string): string {
  const advice = reason === 'no-seed' ? '; give it a seed, or see --max-age' : '';
  return `its picture would not be kept (${legible(reason)})${advice}`;
}

const sum = (prices: readonly Priced[], of: (priced: Priced) => number): number =>
  prices.reduce((total, each) => total + of(each), 0);

function offer(prices: readonly Priced[]): string {
  const pictures = sum(prices, (each) => each.pictures);
  const toDraw = sum(prices, (each) => each.toDraw);
  const [expected, worst] = [sum(prices, (each) => each.expectedNanos), sum(prices, (each) => each.worstNanos)];
  const price = toDraw === 0 ? '' : `, for about $${formatUsd(expected)}, at most $${formatUsd(worst)}`;
  return `${pictures} pictures: ${pictures - toDraw} are there, ${toDraw} to be drawn${price}\n`;
}

async function isWanted(
  prices: readonly Priced[],
  { mostNanos, isSure }: { readonly mostNanos: number | null; readonly isSure: boolean },
  { note, confirm }: Surroundings,
): Promise<boolean> {
  const worst = sum(prices, (each) => each.worstNanos);
  const left = prices.flatMap(({ leftNanos }) => leftNanos ?? []).reduce((a, b) => Math.min(a, b), Infinity);
  if (worst > left) note(`That may be more than is left of a budget: $${formatUsd(left)}.\n`);
  if (mostNanos !== null && worst > mostNanos) {
    note(`Nothing was drawn: it could be more than $${formatUsd(mostNanos)}.\n`);
    return false;
  }
  if (isSure || (confirm !== null && (await confirm('Draw them?')))) return true;
  note(`Nothing was drawn${confirm === null ? ': say --yes to have it drawn' : ''}.\n`);
  return false;
}

async function drawAll(
  api: TenantApi,
  list: readonly Wanted[],
  atOnce: number,
  { note, print }: Surroundings,
): Promise<number> {
  const startedAt = performance.now();
  const failed: string[] = [];
  let [done, spentNanos] = [0, 0];
  let isOver = false;
  await inParallel(list, atOnce, async (wanted) => {
    if (isOver) return;
    const begun = performance.now();
    const told = await api.draw(wanted).catch((error: unknown) => ({
      isGood: false as const,
      why: error instanceof Error ? error.message : String(error),
      isFinal: true,
    }));
    done += 1;
    if (told.isGood) spentNanos += told.costNanos;
    else {
      failed.push(`line ${wanted.line}: ${legible(told.why)}`);
      isOver ||= told.isFinal;
    }
    const what = told.isGood ? `$${formatUsd(told.costNanos)}, ${legible(told.cache)}` : 'failed';
    note(`${done}/${list.length} line ${wanted.line}: ${what} (${seconds(begun)} s)\n`);
  });
  const rest = list.length - done;
  print(
    `${done - failed.length} requests drawn for $${formatUsd(spentNanos)} in ${seconds(startedAt)} s` +
      `${failed.length > 0 ? `, ${failed.length} failed` : ''}${rest > 0 ? `, ${rest} not asked for` : ''}\n`,
  );
  if (failed.length > 0) note(`${listOf(failed)}\n`);
  return failed.length > 0 ? 1 : 0;
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

async function inParallel<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const remaining = all.values();
  const worker = async (): Promise<void> => {
    for (const one of remaining) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function readCount(option: string, text: string, most: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > most) throw new WrongUse(`${option} must be a whole number of 1 to ${most}.`);
  return count;
}

function readUsd(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) throw new WrongUse(`${option} must be dollars such as 5 or 2.50.`);
  return usdToNanos(Number(text));
}
