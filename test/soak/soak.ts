import type { Told } from './load/call.ts';
import { judge } from './judge.ts';
import { countBy, endOf } from './report.ts';
import type { Report } from './report.ts';
import { groupsOf } from './checks/finding.ts';
import { soak } from './run.ts';
import type { SoakOptions } from './run.ts';

/** One soak from its start to its verdict. Nothing of it is left running, and no file. */
export async function runSoak(
  options: SoakOptions,
): Promise<{ readonly report: Report; readonly told: readonly Told[] }> {
  const { seed, seconds, concurrency, redis } = options;
  const soaked = await soak(options);
  try {
    const { told } = soaked.load;
    const kinds = groupsOf(told, ({ kind }) => kind);
    const checks = judge(soaked);
    const shown = soaked.witness.calls.flatMap(({ answered }) => answered?.fault ?? []);
    const report: Report = {
      seed,
      command: commandOf(options),
      seconds,
      concurrency,
      redis,
      requests: Object.fromEntries([...kinds].map(([kind, group]) => [kind, countBy(group, endOf)])),
      statuses: countBy(
        told.filter(({ status }) => status !== null),
        ({ status }) => String(status),
      ),
      faultsShown: countBy(shown, (fault) => fault),
      events: soaked.befallen,
      checks,
      isGood: checks.every(({ faults }) => faults.length === 0),
    };
    return { report, told };
  } finally {
    await soaked.close();
  }
}

export function commandOf({
  seed,
  seconds,
  concurrency,
  redis,
}: Pick<SoakOptions, 'seed' | 'seconds' | 'concurrency' | 'redis'>): string {
  return `npm run soak -- --seed ${seed} --seconds ${seconds} --concurrency ${concurrency}${redis ? ' --redis' : ''}`;
}
