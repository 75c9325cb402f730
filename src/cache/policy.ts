import { GatewayError } from '../errors.ts';
import type { Draw, Part } from '../image/request.ts';
import { isObject, type Json } from '../wire/json.ts';

/** Which requests may be stored and answered from the store. */
export type CacheWhen = 'repeatable' | 'always' | 'never';

/** What a request's Cache-Control says: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1 */
export interface Directives {
  readonly noStore: boolean;
  readonly noCache: boolean;
  readonly onlyIfCached: boolean;
  /** Seconds; null when absent. */
  readonly maxAgeSeconds: number | null;
  /** How long past its time an answer will do when none can be had. Seconds; null when absent. https://www.rfc-editor.org/rfc/rfc5861#section-4 */
  readonly staleIfErrorSeconds: number | null;
}

/** Why no stored answer was looked for: a metric's label and the detail of Cache-Status. */
export type BypassReason = 'no-seed' | 'tools' | 'remote-content' | 'never' | 'no-store' | 'no-cache';

export interface Facts {
  readonly draw: Draw;
  readonly when: CacheWhen;
  readonly directives: Directives;
  /** How long an answer may be kept. Zero or less: not at all. */
  readonly ttlSeconds: number;
  /** How long past that it may stand in while nobody can draw. Zero: not at all. */
  readonly staleIfErrorSeconds: number;
}

export interface Decision {
  /** Whether a stored answer will do, and how old it may be; null for any age. */
  readonly read: boolean;
  readonly maxAgeSeconds: number | null;
  /** How long past its time a stored answer will do when nobody can draw another; 0: it will not. */
  readonly staleIfErrorSeconds: number;
  /** Whether the answer may be kept, and for how long. */
  readonly store: boolean;
  readonly ttlSeconds: number;
  /** Whether the work may be shared with callers who ask the same at the same time. */
  readonly join: boolean;
  /** Whether the caller wants nothing but a stored answer: see `notCached`. */
  readonly onlyIfCached: boolean;
  /** Null when the store is read. */
  readonly bypass: BypassReason | null;
}

/**
 * What the cache may do for one draw.
 *
 * `max-age` above zero is the caller's consent to an answer drawn before, and stands in for a seed. It does not stand in
 * for what lies outside the request: it is often a client's default header, and nobody means last week's weather by it.
 * `always` is the operator's word for every request, and covers that too.
 *
 * `no-cache` keeps its caller from stored answers, not from one that is being drawn while it asks: it joins.
 *
 * `stale-if-error` narrows what the operator allows and never widens it: entries are gone when that is over.
 */
export function decide({ draw, when, directives, ttlSeconds, staleIfErrorSeconds }: Facts): Decision {
  const { maxAgeSeconds, onlyIfCached } = directives;
  const barred = barrier(draw, when, directives);
  const bypass = barred ?? (directives.noCache ? 'no-cache' : null);
  return {
    read: bypass === null,
    maxAgeSeconds,
    staleIfErrorSeconds:
      bypass === null ? Math.min(staleIfErrorSeconds, directives.staleIfErrorSeconds ?? Infinity) : 0,
    store: barred === null && ttlSeconds > 0,
    ttlSeconds,
    join: barred === null,
    onlyIfCached,
    bypass,
  };
}

/** Why the cache has no part in this draw at all; null when it has. */
function barrier(draw: Draw, when: CacheWhen, directives: Directives): BypassReason | null {
  if (directives.noStore) return 'no-store';
  if (when === 'never') return 'never';
  if (when === 'always') return null;
  const consents = directives.maxAgeSeconds !== null && directives.maxAgeSeconds > 0;
  return outside(draw) ?? (isSeeded(draw) || consents ? null : 'no-seed');
}

function isSeeded(draw: Draw): boolean {
  return draw.seed !== null || draw.temperature === 0;
}

/** What in a draw points outside its body, so that its picture depends on when it is asked for. */
function outside(draw: Draw): 'tools' | 'remote-content' | null {
  const tools = draw.tools.flatMap((tool) => Object.keys(tool));
  if (tools.some((tool) => !CLOSED_TOOLS.has(tool))) return 'tools';
  const turns = draw.system === null ? draw.turns : [...draw.turns, draw.system];
  const isRemote =
    (draw.more.request['cachedContent'] ?? null) !== null || turns.some((turn) => turn.parts.some(pointsOutside));
  return isRemote ? 'remote-content' : null;
}

/** Tools that work on the request alone. All others, and those still to come, look something up. */
const CLOSED_TOOLS: ReadonlySet<string> = new Set(['codeExecution', 'functionDeclarations']);

/** What was fetched from an address may be another picture tomorrow: the request says where it lies, and not what it is. */
function pointsOutside(part: Part): boolean {
  if (part.kind === 'picture' && part.remote !== undefined) return true;
  return mentionsFile(part.kind === 'other' ? part.fields : part.more);
}

/** A file may stand in a part or deeper, in what a function answered. */
function mentionsFile(value: Json): boolean {
  if (Array.isArray(value)) return value.some(mentionsFile);
  return isObject(value) && Object.entries(value).some(([name, field]) => name === 'fileData' || mentionsFile(field));
}

/** Reads the directives it knows and passes over all else. Of several of one name the smallest number counts. */
export function parseCacheControl(header: string | undefined): Directives {
  if (header === undefined) return NO_DIRECTIVES;
  const found = [...header.matchAll(DIRECTIVE)].map(([, name = '', quoted, bare]) => ({
    name: name.toLowerCase(),
    value: quoted ?? bare ?? '',
  }));
  const has = (directive: string): boolean => found.some(({ name }) => name === directive);
  const least = (directive: string): number | null => {
    const given = found
      .filter(({ name, value }) => name === directive && /^\d+$/.test(value))
      .map(({ value }) => Math.min(Number(value), LONGEST_AGE_SECONDS));
    return given.length === 0 ? null : Math.min(...given);
  };
  return {
    noStore: has('no-store'),
    noCache: has('no-cache'),
    onlyIfCached: has('only-if-cached'),
    maxAgeSeconds: least('max-age'),
    staleIfErrorSeconds: least('stale-if-error'),
  };
}

const NO_DIRECTIVES: Directives = {
  noStore: false,
  noCache: false,
  onlyIfCached: false,
  maxAgeSeconds: null,
  staleIfErrorSeconds: null,
};

/** `name`, `name="value"` or `name=value`. Other quoted text is matched too, and so not searched for names. */
const DIRECTIVE = /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;"]*)))?|"[^"]*"/g;

/** https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2 */
const LONGEST_AGE_SECONDS = 2 ** 31;

/** What `only-if-cached` gets on a miss: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7 */
export function notCached(decision: Decision): GatewayError {
  const why = decision.bypass === null ? 'no answer to this request is stored' : BYPASS_WORDS[decision.bypass];
  return new GatewayError(
    'not_cached',
    `Cache-Control: only-if-cached asks for a stored answer, and ${why}. Leave only-if-cached out to have it drawn.`,
    { retry: false },
  );
}

const BYPASS_WORDS = {
  'no-seed': 'a request with neither a seed, temperature 0 nor max-age is not answered from the store',
  tools: 'a request with a tool that looks things up is not answered from the store',
  'remote-content': 'a request that refers to files outside its body is not answered from the store',
  never: 'the cache is switched off here',
  'no-store': 'no-store forbids one',
  'no-cache': 'no-cache forbids one',
} as const satisfies Record<BypassReason, string>;

/** How a draw was answered, as far as the cache had a part in it. */
export interface Answered {
  /** The stored answer it got; null when it got another. */
  readonly hit: { readonly ttlSeconds: number; readonly isStale: boolean } | null;
  /** It shared the work of another caller's request. */
  readonly collapsed: boolean;
  readonly stored: boolean;
}

/** The value of Cache-Status, but for the key: https://www.rfc-editor.org/rfc/rfc9211#section-2 */
export function cacheStatus(decision: Decision, { hit, collapsed, stored }: Answered): string {
  if (hit !== null) return `Plantain; hit; ttl=${hit.ttlSeconds}${hit.isStale ? '; detail="stale-if-error"' : ''}`;
  const { bypass } = decision;
  return [
    'Plantain',
    `fwd=${bypass === null ? 'miss' : FORWARDED[bypass]}`,
    ...(stored ? ['stored'] : []),
    ...(collapsed ? ['collapsed'] : []),
    ...(bypass === null ? [] : [`detail="${bypass}"`]),
  ].join('; ');
}

/** `request`: the cache was in play, and the request would not have what it holds. */
const FORWARDED = {
  'no-seed': 'bypass',
  tools: 'bypass',
  'remote-content': 'bypass',
  never: 'bypass',
  'no-store': 'bypass',
  'no-cache': 'request',
} as const satisfies Record<BypassReason, string>;
