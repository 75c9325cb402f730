import type { TestGateway } from './gateway.ts';

/** The sum of a metric's series whose labels are as given; 0 where there is none. */
export async function scraped(
  { operationsUrl }: Pick<TestGateway, 'operationsUrl'>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const text = await (await fetch(`${operationsUrl}/metrics`)).text();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((pair) => line.includes(pair)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Dollars charged so far, in whole nano-dollars. */
export async function spentNanos(gateway: Pick<TestGateway, 'operationsUrl'>, tenant?: string): Promise<number> {
  const usd = await scraped(gateway, 'plantain_spend_usd_total', tenant === undefined ? {} : { tenant });
  return Math.round(usd * 1e9);
}
