import { TIERS } from '../image/size.ts';
import { leadsTo, parseBase } from './address.ts';
import { secretNames } from './environment.ts';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import type { ConfigFile } from './schema.ts';
import type { UpstreamFile } from './schema/upstream.ts';
import { deadlineMs, SIMULATOR_URL } from './shape.ts';
import type { Deadline, UpstreamConfig } from './shape.ts';
import type { PathOf } from './source.ts';

export interface Upstreams {
  readonly usable: readonly UpstreamConfig[];
  /** Those for which no key is there. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
}

/** Used when nothing is configured: the simulator takes no key, and its list of keys may not be empty. */
export const BUILT_IN_SIMULATOR: UpstreamConfig = {
  id: 'simulator',
  kind: 'gemini',
  baseUrl: SIMULATOR_URL,
  auth: 'x-goog-api-key',
  keys: ['simulator'],
  answerWithinMs: 120_000,
  abandonAfterMs: 300_000,
  connectMs: 5_000,
  firstByteMs: null,
  idleMs: 30_000,
  sizeNames: {},
  replyBytes: 96 << 20,
  repeats: 2,
  breaker: true,
};

export function readUpstreams(
  { upstreams: files, listen }: Pick<ConfigFile, 'upstreams' | 'listen'>,
  readSecret: ReadSecret,
  report: Report,
  pathOf: PathOf,
): Upstreams {
  const usable: UpstreamConfig[] = [];
  const skipped: { id: string; reason: string }[] = [];
  const ids = new Set<string>();
  for (const [index, file] of files.entries()) {
    const written = pathOf(file);
    const path = written.length > 0 ? written : ['upstreams', index];
    const mistake = (name: string, message: string): void => report.mistake([...path, name], message);
    if (ids.has(file.id)) mistake('id', `another upstream is called ${file.id} already`);
    ids.add(file.id);
    checkDeadlines(file, mistake);
    const baseUrl = readBaseUrl(file.baseUrl, mistake);
    if (URL.canParse(baseUrl) && baseUrl !== SIMULATOR_URL && leadsTo(baseUrl, listen))
      mistake('baseUrl', `is where this gateway itself listens: ${listen.host}, port ${listen.port}`);
    const keys = baseUrl === SIMULATOR_URL ? BUILT_IN_SIMULATOR.keys : readKeys(file, readSecret, report, mistake);
    if (typeof keys === 'string') skipped.push({ id: file.id, reason: keys });
    else if (keys.length === 0) report.leftOut('upstreams');
    else {
      const { id, kind, auth, answerWithinMs, abandonAfterMs, sizeNames = {}, replyBytes, repeats, breaker } = file;
      const { connectMs, firstByteMs = null, idleMs } = file;
      const patience = { answerWithinMs, abandonAfterMs, connectMs, firstByteMs, idleMs, repeats, breaker };
      usable.push({ id, kind, baseUrl, auth, keys, ...patience, sizeNames, replyBytes });
    }
  }
  return { usable, skipped };
}

/** The keys; none where there is a mistake; or why they are missing. */
function readKeys(
  { id, keyFrom, keysFrom }: UpstreamFile,
  readSecret: ReadSecret,
  report: Report,
  mistake: (name: string, message: string) => void,
): readonly string[] | string {
  if (keyFrom !== undefined && keysFrom !== undefined) {
    mistake('keysFrom', 'name the keys in keyFrom or in keysFrom, not in both');
    return [];
  }
  const variables = keysFrom ?? (keyFrom === undefined ? [] : [keyFrom]);
  if (variables.length === 0) {
    mistake('keyFrom', 'is missing: which environment variable holds the key');
    return [];
  }
  const secrets = variables.map((variable) => ({ variable, secret: readSecret(variable) }));
  const missing = secrets.filter(({ secret }) => secret === 'missing').map(({ variable }) => secretNames(variable));
  const reason = `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set`;
  if (missing.length === variables.length) return reason;
  if (missing.length > 0) report.warn(`The upstream ${id} goes without some of its keys: ${reason}.`);
  return secrets.flatMap(({ secret }) => (typeof secret === 'string' ? [] : [secret.value]));
}

function readBaseUrl(text: string, mistake: (name: string, message: string) => void): string {
  if (text === SIMULATOR_URL) return text;
  const read = parseBase(text);
  if ('problem' in read) {
    mistake('baseUrl', `${read.problem}${read.problem.startsWith('must be') ? `, or be "${SIMULATOR_URL}"` : ''}`);
    return text;
  }
  if (/\/v1(?:beta)?$/.test(read.base))
    mistake('baseUrl', 'must not end in a version: the gateway adds /v1beta itself');
  return read.base;
}

function checkDeadlines(file: UpstreamFile, mistake: (name: string, message: string) => void): void {
  const answer: Deadline = file.answerWithinMs;
  const abandon: Deadline = file.abandonAfterMs;
  const tier = TIERS.find((tier) => deadlineMs(answer, tier) > deadlineMs(abandon, tier));
  if (tier !== undefined)
    mistake(
      'abandonAfterMs',
      `must not be less than answerWithinMs: nobody waits for work that was given up (${tier})`,
    );
}
