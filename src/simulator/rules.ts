import { choose, isFault, UnknownFault } from './faults.ts';
import type { ChosenFault, FaultRule } from './faults.ts';
import { findModel } from './models.ts';
import type { Asked } from './request.ts';

export interface Rules {
  readonly list: readonly FaultRule[];
  add(rule: FaultRule): void;
  clear(): void;
  /** The fault of the first rule that matches; it has one time less then. */
  take(asked: Asked): ChosenFault | null;
}

export function createRules(): Rules {
  let rules: { rule: FaultRule; left: number }[] = [];
  return {
    get list() {
      return rules.map(({ rule, left }) => (left === Infinity ? rule : { ...rule, times: left }));
    },
    add(rule) {
      rules.push({ rule, left: rule.times ?? Infinity });
    },
    clear() {
      rules = [];
    },
    take(asked) {
      const found = rules.find(({ rule, left }) => left > 0 && matches(rule, asked));
      if (!found) return null;
      found.left -= 1;
      rules = rules.filter(({ left }) => left > 0);
      return choose(found.rule.fault, found.rule.delayMs ?? null);
    },
  };
}

function matches(rule: FaultRule, asked: Asked): boolean {
  if (rule.model !== undefined && findModel(rule.model) !== asked.model) return false;
  return rule.promptContains === undefined || asked.prompt.includes(rule.promptContains);
}

/** Reads a rule somebody wrote by hand; throws what is wrong with it. */
export function parseRule(value: unknown): FaultRule {
  if (typeof value !== 'object' || value === null) throw new TypeError('a rule is an object: {"fault": "overloaded"}');
  const { fault, times, model, promptContains, delayMs, ...others }: Record<string, unknown> = { ...value };
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new TypeError(`a rule has no "${unknown}": fault, times, model, promptContains, delayMs`);
  if (typeof fault !== 'string' || !isFault(fault)) throw new UnknownFault(String(fault));
  if (!isCount(times)) throw new TypeError('"times" is a whole number, at least 1');
  if (!isCount(delayMs)) throw new TypeError('"delayMs" is a whole number of milliseconds, at least 1');
  if (!isText(model) || (model && !findModel(model))) throw new TypeError('"model" is the name of a model served here');
  if (!isText(promptContains)) throw new TypeError('"promptContains" is a string');
  return {
    fault,
    ...(times === undefined ? {} : { times }),
    ...(model === undefined ? {} : { model }),
    ...(promptContains === undefined ? {} : { promptContains }),
    ...(delayMs === undefined ? {} : { delayMs }),
  };
}

function isCount(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && Number(value) >= 1);
}

function isText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
