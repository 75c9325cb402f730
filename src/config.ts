import { readFileSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isLoopback, localUrl, parseBase } from './config/address.ts';
import { readAuto, usableRules } from './config/auto.ts';
import { readAdmin } from './config/admin.ts';
import { readAlerts } from './config/alerts.ts';
import { budgetsReader, modelsReader, readOrganisations } from './config/budgets.ts';
import { readCache } from './config/cache.ts';
import { overrideByEnvironment, secretReader } from './config/environment.ts';
import type { Variables } from './config/environment.ts';
import { readLinks } from './config/links.ts';
import { checkTrustProxy } from './config/limits.ts';
import { ConfigError, createReport } from './config/mistakes.ts';
import type { Report } from './config/mistakes.ts';
import { mergeModels, modelId, usableModels } from './config/models.ts';
import type { ConfigFile } from './config/schema.ts';
import { SIMULATOR_URL } from './config/shape.ts';
import type { Config, UpstreamConfig } from './config/shape.ts';
import { readState } from './config/state.ts';
import { parseSource } from './config/source.ts';
import { readTenants } from './config/tenants.ts';
import { BUILT_IN_SIMULATOR, readUpstreams } from './config/upstreams.ts';
import type { Upstreams } from './config/upstreams.ts';
import { validate } from './config/validate.ts';
import { AUTO } from './image/auto.ts';
import type { Model } from './image/model.ts';

export { isLoopback } from './config/address.ts';
export { describeConfig } from './config/describe.ts';
export { ConfigError } from './config/mistakes.ts';
export type { Mistake } from './config/mistakes.ts';
export { deadlineMs, SIMULATOR_URL } from './config/shape.ts';
export type * from './config/shape.ts';

const SHIPPED_FILE = fileURLToPath(new URL('../config/plantain.yaml', import.meta.url));

export interface ConfigInput {
  /** As given by --config; null without one. */
  readonly file: string | null;
  readonly environment: Variables;
  readonly workingDirectory: string;
}

/** File and environment as one frozen value. Throws ConfigError with all of their mistakes. */
export function loadConfig({ file: asked, environment, workingDirectory }: ConfigInput): Config {
  const name = asked ?? (environment['PLANTAIN_CONFIG'] || null);
  const path = name === null ? SHIPPED_FILE : resolve(workingDirectory, name);
  const shown = shortest(path, workingDirectory);
  const source = parseSource(readText(path, shown));
  if (source.syntaxErrors.length > 0) throw new ConfigError(shown, source.syntaxErrors);

  const report = createReport(source);
  const { file: written, pathOf } = validate(source.data, report);
  const file = overrideByEnvironment(written, environment, report);
  const readSecret = secretReader(environment, workingDirectory, report);
  const state = readState(file.state, readSecret, report);
  const cache = readCache(file, state, readSecret, report);
  checkBounds(file, report);
  checkRetention(file, report);
  checkTrustProxy(file.trustProxy, report);
  const publicUrl = readPublicUrl(file, report);
  const links = readLinks(file, publicUrl, readSecret, report);

  const upstreams = readUpstreams(file, readSecret, report, pathOf);
  const drawing = whoDraws(upstreams, file.listen.host, name !== null, report);
  const simulator = drawing.length > 0 && drawing.every(({ baseUrl }) => baseUrl === SIMULATOR_URL);
  const upstreamIds = file.upstreams.map(({ id }) => id);
  const known = mergeModels(file.models, upstreamIds, report, pathOf);
  const rules = readAuto(file.auto, known, report);
  const isAuto = file.images.defaultModel === AUTO && rules.length > 0;
  const defaultModel = isAuto ? AUTO : modelId(known, file.images.defaultModel, ['images', 'defaultModel'], report);
  const readModels = modelsReader(known, report);
  const readBudgets = budgetsReader(readModels, report, pathOf);
  const organisations = readOrganisations(file.organisations, readBudgets, report, pathOf);
  const tenants = readTenants(file.tenants, { readSecret, readModels, readBudgets, organisations, pathOf }, report);
  const budgets = readBudgets(file, []);
  const alerts = readAlerts(file.alerts, readSecret, report);
  const admin = readAdmin(file, tenants, readSecret, report);

  const models = usableModels(known, drawing, simulator);
  // What is left to be used is only known when all else is right.
  const auto = usableRules(rules, models);
  if (isAuto && auto.length === 0 && report.mistakes.length === 0)
    report.mistake(['images', 'defaultModel'], 'auto has nothing to choose from: no model of its rules has a target');
  if (report.mistakes.length === 0) checkLeftOut(known, models, drawing, defaultModel, report);
  if (report.mistakes.length > 0 || defaultModel === null) throw new ConfigError(shown, report.mistakes);

  const { listen, operations, trustProxy, cors, logLevel, bounds, tasks, files, remoteImages } = file;
  return deepFreeze({
    source: { file: path, named: name !== null },
    listen,
    operations,
    admin,
    publicUrl,
    links,
    trustProxy,
    cors,
    dataDir: resolve(workingDirectory, file.dataDir),
    logLevel,
    bounds,
    state,
    images: { defaultFormat: file.images.defaultFormat, defaultModel },
    cache,
    tasks,
    files,
    remoteImages,
    upstreams: drawing,
    models,
    auto,
    tenants,
    organisations,
    budgets,
    alerts,
    retention: file.retention,
    simulator,
    warnings: report.warnings,
  });
}

function readText(path: string, shown: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new ConfigError(shown, [{ path: shown, line: null, message: `the file cannot be read (${code})` }]);
  }
}

/** As people would type it. */
function shortest(path: string, workingDirectory: string): string {
  const near = relative(workingDirectory, path);
  return near.startsWith('..') || isAbsolute(near) ? path : near;
}

function checkBounds({ listen, operations, bounds }: ConfigFile, report: Report): void {
  if (listen.port === operations.port && listen.port !== 0)
    report.mistake(['operations', 'port'], `must not be the port of the API: ${operations.port}`);
  if (bounds.bodyBytes > bounds.bytesInFlight)
    report.mistake(['bounds', 'bytesInFlight'], `must hold one body at least: bodyBytes is ${bounds.bodyBytes}`);
}

function checkRetention({ retention: { ledgerDays, unknownDays } }: ConfigFile, report: Report): void {
  if (unknownDays < ledgerDays)
    report.mistake(['retention', 'unknownDays'], `must be ledgerDays at least: those are ${ledgerDays}`);
}

function readPublicUrl({ publicUrl, listen }: ConfigFile, report: Report): string {
  const local = localUrl(listen.host, listen.port);
  const read = parseBase(publicUrl ?? local);
  if ('base' in read) return read.base;
  report.mistake(['publicUrl'], read.problem);
  return local;
}

/** The upstreams that draw. Without a key nobody pays by accident: the simulator steps in, but for this machine only. */
function whoDraws(
  { usable, skipped }: Upstreams,
  host: string,
  named: boolean,
  report: Report,
): readonly UpstreamConfig[] {
  if (usable.length > 0) {
    const simulated = usable.filter(({ baseUrl }) => baseUrl === SIMULATOR_URL).length;
    if (simulated > 0 && simulated < usable.length)
      report.mistake(
        ['upstreams'],
        'the simulator cannot stand beside real upstreams: its pictures must never answer a real request',
      );
    for (const { id, reason } of skipped) report.warn(`The upstream ${id} is skipped: ${reason}.`);
    return usable;
  }
  if (report.isPartial('upstreams')) return [];
  const reasons = skipped.map(({ id, reason }) => `${id}: ${reason}`).join('; ');
  if (named) report.mistake(['upstreams'], `none of them can draw (${reasons})`);
  else if (isLoopback(host)) return [BUILT_IN_SIMULATOR];
  else
    report.mistake(
      ['listen', 'host'],
      `without a key (${reasons}) only the simulator could draw, and it serves this machine only, not ${host}: set a key, or listen on 127.0.0.1`,
    );
  return [];
}

function checkLeftOut(
  known: readonly Model[],
  usable: readonly Model[],
  drawing: readonly UpstreamConfig[],
  defaultModel: string | null,
  report: Report,
): void {
  const nowhere = `no target on ${drawing.map(({ id }) => id).join(' or ')}`;
  for (const { id } of known.filter(({ id }) => !usable.some((model) => model.id === id))) {
    if (id === defaultModel)
      report.mistake(['images', 'defaultModel'], `${id} has ${nowhere}: name one, with its price, under models`);
    else report.warn(`The model ${id} is left out: it has ${nowhere}.`);
  }
  for (const { id, fallback } of usable)
    if (fallback !== undefined && !usable.some((model) => model.id === fallback.model))
      report.warn(`The model ${id} falls over to nobody: ${fallback.model} has ${nowhere}.`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value))
    Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
