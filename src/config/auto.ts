import { AUTO } from '../image/auto.ts';
import type { AutoRule } from '../image/auto.ts';
import type { Model } from '../image/model.ts';
import type { Report } from './mistakes.ts';
import { modelId } from './models.ts';
import type { AutoFile } from './schema/auto.ts';

/** The rules for `auto`, with ids of models. */
export function readAuto(file: AutoFile, models: readonly Model[], report: Report): readonly AutoRule[] {
  const last = file.findIndex(({ when }) => when === undefined);
  if (last >= 0 && last < file.length - 1)
    report.mistake(['auto', last], 'a rule without when always holds: those after it would never be looked at');
  if (file.length > 0)
    for (const { id, aliases } of models)
      if (id === AUTO || aliases.includes(AUTO))
        report.mistake(['auto'], `${id} has the name auto already: give it another, or write auto: []`);
  return file.flatMap(({ when, model }, index) => {
    const id = modelId(models, model, ['auto', index, 'model'], report);
    return id === null ? [] : [{ when, model: id }];
  });
}

/** Those whose model somebody draws. */
export function usableRules(rules: readonly AutoRule[], models: readonly Model[]): readonly AutoRule[] {
  return rules.filter(({ model }) => models.some(({ id }) => id === model));
}
