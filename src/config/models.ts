import { BUILT_IN_MODELS, findModel, nearestNames, USUAL_CEILING } from '../image/model.ts';
import type { Model, Target } from '../image/model.ts';
import { GOOGLE_SEARCH_USD } from '../image/price.ts';
import type { Price } from '../image/price.ts';
import { alternatives } from './explain.ts';
import type { Report } from './mistakes.ts';
import type { ModelFile, PriceFile } from './schema/model.ts';
import type { UpstreamConfig } from './shape.ts';
import type { Path, PathOf } from './source.ts';

/** What a model that is not built in may leave unsaid. */
const PLAIN = {
  aliases: [],
  description: '',
  inputs: ['image/png', 'image/jpeg', 'image/webp'],
  imageTokens: {},
  referenceTokens: 0,
  retires: null,
} satisfies Partial<Model>;

const NEEDED = [
  'ratios',
  'tiers',
  'maxReferences',
  'inputTokenLimit',
  'outputTokenLimit',
  'released',
  'targets',
] as const satisfies readonly (keyof Model & keyof ModelFile)[];

/** The built-in models, changed and added to by the file's. All of their targets, whether or not they can be used. */
export function mergeModels(
  files: readonly ModelFile[],
  upstreamIds: readonly string[],
  report: Report,
  pathOf: PathOf,
): readonly Model[] {
  const models = new Map(BUILT_IN_MODELS.map((model) => [model.id, model]));
  const owners = new Map<string, ModelFile>();
  for (const file of files) {
    const path = pathOf(file);
    if (owners.has(file.id)) report.mistake([...path, 'id'], `another entry is called ${file.id} already`);
    owners.set(file.id, file);
    const { targets: offers, ...plain } = file;
    const targets = offers?.flatMap((target) => {
      const place = [...pathOf(target)];
      if (!upstreamIds.includes(target.upstream) && !report.isPartial('upstreams'))
        report.mistake(
          [...place, 'upstream'],
          `no upstream is called ${target.upstream}; there are ${upstreamIds.join(', ')}`,
        );
      const price = readPrice(target.price, (message) => report.mistake([...place, 'price'], message));
      return price === null ? [] : [{ upstream: target.upstream, model: target.model, price }];
    });
    const base = models.get(file.id);
    const merged = { ...PLAIN, displayName: file.id, ...base, ...plain, ...(targets === undefined ? {} : { targets }) };
    if (isComplete(merged)) {
      checkTables(merged, file, base === undefined, report, pathOf);
      models.set(merged.id, onlyAnswered(merged));
    } else {
      for (const name of NEEDED.filter((name) => merged[name] === undefined))
        report.mistake([...path, name], `is missing: ${file.id} is not built in`);
      report.leftOut('models');
    }
  }
  const all = [...models.values()];
  checkNames(all, owners, report, pathOf);
  for (const file of files) checkRetired(file, models.get(file.id)?.aliases ?? [], report, pathOf);
  return all.map((model) => withFallback(model, all, owners.get(model.id), report, pathOf));
}

/** With the id of what it falls over to, by whatever name the file has it. */
function withFallback(
  model: Model,
  all: readonly Model[],
  file: ModelFile | undefined,
  report: Report,
  pathOf: PathOf,
): Model {
  const { fallback } = model;
  if (fallback === undefined || file === undefined) return model;
  const place = [...pathOf(file), 'fallback', 'model'];
  const other = modelId(all, fallback.model, place, report);
  if (other === model.id) report.mistake(place, `is ${model.id} itself: name another model`);
  return other === null ? model : { ...model, fallback: { ...fallback, model: other } };
}

function isComplete(model: Partial<Model>): model is Model {
  return NEEDED.every((name) => model[name] !== undefined);
}

function readPrice(price: PriceFile, mistake: (message: string) => void): Price | null {
  const { perImageUsd, perMillionTokensUsd, perSearchUsd = GOOGLE_SEARCH_USD, ceiling } = price;
  if (perImageUsd !== undefined && perMillionTokensUsd === undefined) {
    if (ceiling !== undefined) mistake('a ceiling belongs to perMillionTokensUsd: perImageUsd is the whole price');
    if (price.perSearchUsd !== undefined)
      mistake('perSearchUsd belongs to perMillionTokensUsd: perImageUsd is the whole price');
    return { perImageUsd };
  }
  if (perMillionTokensUsd !== undefined && perImageUsd === undefined)
    return { perMillionTokensUsd, perSearchUsd, ceiling: ceiling ?? USUAL_CEILING };
  mistake('must have exactly one of perImageUsd, perMillionTokensUsd');
  return null;
}

/** Every size a model draws must have its price. */
function checkTables(model: Model, file: ModelFile, isNew: boolean, report: Report, pathOf: PathOf): void {
  const path = pathOf(file);
  const without = (table: object): string => model.tiers.filter((tier) => !Object.hasOwn(table, tier)).join(', ');
  const byTokens = model.targets.some(({ price }) => 'perMillionTokensUsd' in price);
  if (byTokens && without(model.imageTokens) !== '')
    report.mistake([...path, 'imageTokens'], `a price by tokens needs the tokens of ${without(model.imageTokens)} too`);
  if (byTokens && isNew && file.referenceTokens === undefined)
    report.mistake([...path, 'referenceTokens'], 'is missing: a price by tokens needs it');
  for (const target of file.targets ?? model.targets) {
    const table = 'perImageUsd' in target.price ? target.price.perImageUsd : undefined;
    if (typeof table !== 'object' || without(table) === '') continue;
    const place = file.targets === undefined ? [...path, 'tiers'] : [...pathOf(target), 'price', 'perImageUsd'];
    report.mistake(place, `the price of ${without(table)} is missing`);
  }
}

/** Without the retired names that are no longer among its aliases: lists of models tell of those that are answered. */
function onlyAnswered(model: Model): Model {
  if (model.retired === undefined) return model;
  return { ...model, retired: model.retired.filter(({ name }) => model.aliases.includes(name)) };
}

/** A retired name that is no alias would never be asked for here. */
function checkRetired(file: ModelFile, aliases: readonly string[], report: Report, pathOf: PathOf): void {
  for (const [index, { name }] of (file.retired ?? []).entries())
    if (!aliases.includes(name))
      report.mistake([...pathOf(file), 'retired', index, 'name'], `"${name}" must be one of its aliases too`);
}

/** A name is one model's. The blame is the file's entry, never a built-in one. */
function checkNames(
  models: readonly Model[],
  owners: ReadonlyMap<string, ModelFile>,
  report: Report,
  pathOf: PathOf,
): void {
  const taken = new Map<string, { readonly model: Model; readonly path: Path }>();
  for (const model of models) {
    const file = owners.get(model.id);
    const path = file === undefined ? [] : pathOf(file);
    const names = [
      { name: model.id, place: [...path, 'id'] },
      ...model.aliases.map((name, index) => ({ name, place: [...path, 'aliases', index] })),
    ];
    for (const { name, place } of names) {
      const other = taken.get(name);
      if (other === undefined || other.model === model) {
        taken.set(name, { model, path: place });
        continue;
      }
      const mine = file?.aliases !== undefined || (file !== undefined && name === model.id);
      const [blamed, elsewhere] = mine ? [place, other.model] : [other.path, model];
      report.mistake(
        blamed,
        `"${name}" is a name of ${elsewhere.id} already; a list of aliases there without it would free it`,
      );
    }
  }
}

/**
 * Each model with its targets on these upstreams. With the simulator a model that names no target there is drawn all the
 * same, at the price it has elsewhere: a quote of the simulator is the quote of the real thing.
 */
export function usableModels(
  models: readonly Model[],
  upstreams: readonly UpstreamConfig[],
  simulator: boolean,
): readonly Model[] {
  const ids = upstreams.map(({ id }) => id);
  const offered = models.map((model): Model => {
    const targets = model.targets.filter(({ upstream }) => ids.includes(upstream));
    const [first] = ids;
    if (targets.length > 0 || !simulator || first === undefined) return { ...model, targets };
    return { ...model, targets: simulatedTarget(model, first) };
  });
  return offered.filter(({ targets }) => targets.length > 0);
}

function simulatedTarget(model: Model, upstream: string): readonly Target[] {
  const source = model.targets.find(({ upstream }) => upstream === 'google') ?? model.targets[0];
  return source === undefined ? [] : [{ ...source, upstream }];
}

/** The id behind a model's name in the configuration; null, and reported, where there is none. */
export function modelId(models: readonly Model[], name: string, path: Path, report: Report): string | null {
  const model = findModel(models, name);
  if (model !== null) return model.id;
  if (!report.isPartial('models'))
    report.mistake(
      path,
      `no model is called ${JSON.stringify(name)}; there are names such as ${alternatives(nearestNames(models, name))}`,
    );
  return null;
}
