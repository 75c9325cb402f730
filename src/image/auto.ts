import { GatewayError } from '../errors.ts';
import type { Model } from './model.ts';
import type { ImageRequest } from './request.ts';
import { ASPECT_RATIOS, resolveShape, TIERS } from './size.ts';
import type { Quality, Tier } from './size.ts';

/** The name that stands for whichever model the rules choose. */
export const AUTO = 'auto';

/** What a request must be for a rule to hold: all of what is named. */
export interface AutoWhen {
  readonly quality?: readonly Quality[] | undefined;
  /** The size asked for, by name or in pixels. */
  readonly tier?: readonly Tier[] | undefined;
  /** Pictures that go up, what the model drew before not counted. */
  readonly minReferences?: number | undefined;
  /** UTF-16 units of all the caller's text. */
  readonly minPromptCharacters?: number | undefined;
  /** Words or phrases of the caller's text, whole, whatever their case; one of them is enough. */
  readonly mentions?: readonly string[] | undefined;
}

export interface AutoRule {
  /** Absent: it always holds. */
  readonly when?: AutoWhen | undefined;
  /** Id of a model. */
  readonly model: string;
}

/**
 * As the model cards advise: Pro for what must be right, for many references and for several people in one picture; Flash
 * for the rest. https://ai.google.dev/gemini-api/docs/image-generation
 */
export const USUAL_RULES: readonly AutoRule[] = [
  { when: { quality: ['high'] }, model: 'gemini-3-pro-image' },
  { when: { minReferences: 4 }, model: 'gemini-3-pro-image' },
  {
    when: { mentions: ['people', 'crowd', 'family', 'group photo', 'team photo', 'group portrait'] },
    model: 'gemini-3-pro-image',
  },
  { model: 'gemini-3.1-flash-image' },
];

/**
 * The model of the first rule that holds; of those that the caller may use and that can draw the size and take the
 * references asked for. Where there is none, the model of any other rule, in their order, before a refusal. Throws
 * `forbidden` where the caller may use none of them.
 */
export function chooseModel(
  rules: readonly AutoRule[],
  models: readonly Model[],
  request: ImageRequest,
  allowed: readonly string[] | null,
): Model {
  const facts = factsOf(request);
  const inOrder = [...rules.filter(({ when }) => holds(when, facts)), ...rules];
  const mine = inOrder
    .filter(({ model }) => allowed === null || allowed.includes(model))
    .flatMap(({ model }) => models.find(({ id }) => id === model) ?? []);
  const chosen = mine.find((model) => canDraw(model, request, facts)) ?? mine[0];
  if (chosen !== undefined) return chosen;
  throw noneToChoose(rules, allowed);
}

export function noneToChoose(rules: readonly AutoRule[], allowed: readonly string[] | null): GatewayError {
  const among = [...new Set(rules.map(({ model }) => model))].join(', ');
  return new GatewayError(
    'forbidden',
    `${AUTO} chooses among ${among}, and this key may use none of them. It may use: ${(allowed ?? []).join(', ')}.`,
    { param: 'model', code: 'model_not_allowed' },
  );
}

/** What `auto` can do, as lists of models tell it: whatever one of its models can; null where it has none. */
export function autoModel(rules: readonly AutoRule[], models: readonly Model[]): Model | null {
  const among = models.filter(({ id }) => rules.some(({ model }) => model === id));
  if (among.length === 0) return null;
  const most = (read: (model: Model) => number): number => Math.max(...among.map(read));
  const any = <T>(read: (model: Model) => readonly T[]): readonly T[] => [...new Set(among.flatMap(read))];
  return {
    id: AUTO,
    aliases: [],
    displayName: 'Auto',
    description: `Chooses for each request among ${among.map(({ id }) => id).join(', ')}; x-plantain-model says which.`,
    ratios: ASPECT_RATIOS.filter((ratio) => any((model) => model.ratios).includes(ratio)),
    tiers: TIERS.filter((tier) => any((model) => model.tiers).includes(tier)),
    maxReferences: most((model) => model.maxReferences),
    inputs: any((model) => model.inputs),
    imageTokens: {},
    referenceTokens: most((model) => model.referenceTokens),
    inputTokenLimit: Math.min(...among.map((model) => model.inputTokenLimit)),
    outputTokenLimit: Math.min(...among.map((model) => model.outputTokenLimit)),
    released: among
      .map(({ released }) => released)
      .toSorted()
      .at(-1)!,
    retires: null,
    targets: [],
  };
}

interface RequestFacts {
  readonly quality: Quality | null;
  readonly tier: Tier | null;
  readonly references: number;
  readonly text: string;
}

/** Every ratio and tier, to learn what a size means where the model sets no limit. */
const ANY_MODEL = { id: '', ratios: ASPECT_RATIOS, tiers: TIERS };

function factsOf({ shape, turns }: ImageRequest): RequestFacts {
  const said = turns.filter(({ role }) => role === 'user').flatMap(({ parts }) => parts);
  return {
    quality: shape.quality,
    tier: resolveShape({ ...shape, quality: null }, ANY_MODEL).tier,
    references: said.filter(({ kind }) => kind !== 'text').length,
    text: said.map((part) => (part.kind === 'text' ? part.text : '')).join('\n'),
  };
}

function holds(when: AutoWhen | undefined, { quality, tier, references, text }: RequestFacts): boolean {
  if (when === undefined) return true;
  if (when.quality !== undefined && (quality === null || !when.quality.includes(quality))) return false;
  if (when.tier !== undefined && (tier === null || !when.tier.includes(tier))) return false;
  if (when.minReferences !== undefined && references < when.minReferences) return false;
  if (when.minPromptCharacters !== undefined && text.length < when.minPromptCharacters) return false;
  return when.mentions === undefined || when.mentions.some((word) => mentions(text, word));
}

/** What a prompt of OpenAI's may have. A text may be much longer, and others wait while it is read. */
const READ_CHARACTERS = 32_000;

/** Whole: `people` is not in `peoples`. Words of scripts without spaces are found wherever they are. */
function mentions(text: string, phrase: string): boolean {
  const literal = phrase.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![a-z0-9_])${literal}(?![a-z0-9_])`, 'i').test(text.slice(0, READ_CHARACTERS));
}

/** A size asked for by name is not to be had from every model; pixels and quality go to the nearest there is. */
function canDraw(model: Model, { shape }: ImageRequest, { references }: RequestFacts): boolean {
  if (shape.ratio !== null && !model.ratios.includes(shape.ratio)) return false;
  if (shape.tier !== null && !model.tiers.includes(shape.tier)) return false;
  return references <= model.maxReferences;
}
