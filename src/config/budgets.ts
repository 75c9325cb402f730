import type { Model } from '../image/model.ts';
import type { Report } from './mistakes.ts';
import { modelId } from './models.ts';
import type { BudgetFile, OrganisationFile } from './schema/tenant.ts';
import type { BudgetConfig, OrganisationConfig } from './shape.ts';
import type { Path, PathOf } from './source.ts';

interface BudgetsFile {
  readonly budgets: readonly BudgetFile[];
  readonly creditUsd?: number | undefined;
}

export type ReadBudgets = (file: BudgetsFile, path: Path) => readonly BudgetConfig[];
export type ReadModels = (names: readonly string[] | undefined, path: Path) => readonly string[] | null;

/** The ids behind the models' names in the list at `path`; null where there is no list. */
export function modelsReader(models: readonly Model[], report: Report): ReadModels {
  return (names, path) => {
    if (names === undefined) return null;
    const found = names.flatMap((name, index) => modelId(models, name, [...path, 'models', index], report) ?? []);
    return [...new Set(found)];
  };
}

/** The budgets of one owner, which stands at `path`; prepaid credit is one of them. */
export function budgetsReader(readModels: ReadModels, report: Report, pathOf: PathOf): ReadBudgets {
  return ({ budgets, creditUsd }, path) => {
    const read = budgets.map((budget): BudgetConfig => {
      const { limitUsd, per, timeZone } = budget;
      if (!isTimeZone(timeZone))
        report.mistake(
          [...pathOf(budget), 'timeZone'],
          `${JSON.stringify(timeZone)} is no time zone; write one such as UTC or Europe/Berlin`,
        );
      return { limitUsd, per, timeZone, models: readModels(budget.models, pathOf(budget)) };
    });
    if (creditUsd === undefined) return read;
    const credit: BudgetConfig = { limitUsd: creditUsd, per: 'total', timeZone: 'UTC', models: null };
    if (read.some(({ per, timeZone, models }) => per === 'total' && timeZone === credit.timeZone && models === null))
      report.mistake(
        [...path, 'creditUsd'],
        'is a budget per total for all models, and there is one already: keep one',
      );
    return [...read, credit];
  };
}

export function readOrganisations(
  files: readonly OrganisationFile[],
  readBudgets: ReadBudgets,
  report: Report,
  pathOf: PathOf,
): readonly OrganisationConfig[] {
  const ids = new Set<string>();
  return files.map((file): OrganisationConfig => {
    const { id } = file;
    const path = pathOf(file);
    if (ids.has(id)) report.mistake([...path, 'id'], `another organisation is called ${id} already`);
    ids.add(id);
    return { id, budgets: readBudgets(file, path) };
  });
}

/** Making a calendar to find out takes a tenth of a millisecond, and ten thousand tenants name the same few. */
const timeZones = new Set<string>();

function isTimeZone(name: string): boolean {
  if (timeZones.has(name)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
  timeZones.add(name);
  return true;
}
