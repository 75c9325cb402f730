import { GatewayError } from '../errors.ts';
import { AUTO, autoModel, chooseModel, noneToChoose } from '../image/auto.ts';
import type { AutoRule } from '../image/auto.ts';
import { conflictingFields } from '../image/fields.ts';
import { bareName, findModel, nearestNames } from '../image/model.ts';
import type { Model, Target } from '../image/model.ts';
import type { ImageRequest } from '../image/request.ts';

export interface Route {
  readonly model: Model;
  readonly target: Target;
  /** The name it was found by; null: none was given. */
  readonly asked: string | null;
  /** Of a name that was passed over. */
  readonly warnings: readonly string[];
}

export interface Router {
  /**
   * By the request's model, or by what the rules for `auto` choose for it. Throws `unknown_model` with the nearest names,
   * `forbidden` where the tenant's list leaves the model out, and `invalid_request` for two names of different models.
   */
  route(request: ImageRequest, allowed: readonly string[] | null): Route;
  /** The models a tenant may use, and `auto` where it can choose one of them. */
  list(allowed: readonly string[] | null): readonly Model[];
  /** One of them by any of its names. Throws as `route` does. */
  find(asked: string, allowed: readonly string[] | null): Model;
}

/** `rules`: those of `auto`; none: there is no such name. */
export function createRouter(models: readonly Model[], defaultModel: string, rules: readonly AutoRule[]): Router {
  const mine = (allowed: readonly string[] | null): readonly Model[] =>
    allowed === null ? models : models.filter((model) => allowed.includes(model.id));
  const list = (allowed: readonly string[] | null): readonly Model[] => {
    const auto = autoModel(rules, mine(allowed));
    return auto === null ? mine(allowed) : [...mine(allowed), auto];
  };
  const isAuto = (asked: string): boolean => rules.length > 0 && bareName(asked) === AUTO;

  function find(asked: string, allowed: readonly string[] | null): Model {
    if (isAuto(asked)) {
      const auto = autoModel(rules, mine(allowed));
      if (auto === null) throw noneToChoose(rules, allowed);
      return auto;
    }
    const model = findModel(models, asked);
    if (model === null) {
      const near = nearestNames(list(allowed), asked);
      const hint = near.length > 0 ? ` The nearest names here: ${near.join(', ')}.` : '';
      throw new GatewayError(
        'unknown_model',
        `The model ${quote(asked)} does not exist here.${hint} GET /v1/models lists all of them.`,
        {
          param: 'model',
          code: 'model_not_found',
        },
      );
    }
    if (allowed !== null && !allowed.includes(model.id))
      throw new GatewayError(
        'forbidden',
        `This key may not use the model ${model.id}. It may use: ${allowed.join(', ')}.`,
        {
          param: 'model',
          code: 'model_not_allowed',
        },
      );
    return model;
  }

  /** The name that counts of the two a request may have: that of who draws, where nobody has the one before it. */
  function nameIn({ model, drawnBy }: ImageRequest): Pick<Route, 'asked' | 'warnings'> {
    if (model === null || drawnBy === undefined) return { asked: model, warnings: [] };
    const idOf = (name: string): string | null => (isAuto(name) ? AUTO : (findModel(models, name)?.id ?? null));
    const [first, second] = [idOf(model), idOf(drawnBy.name)];
    if (first !== null && second !== null && first !== second) throw conflictingFields('model', drawnBy.path);
    const passed = first === null ? 'model' : drawnBy.path;
    const isPassed = (first === null) !== (second === null);
    return {
      asked: first === null && second !== null ? drawnBy.name : model,
      warnings: isPassed ? [`${passed} is not honoured: no model here has that name.`] : [],
    };
  }

  return {
    list,
    find,
    route(request, allowed) {
      const { asked: name, warnings } = nameIn(request);
      const asked = name ?? defaultModel;
      const model = isAuto(asked) ? chooseModel(rules, models, request, allowed) : find(asked, allowed);
      const target = model.targets[0];
      if (target === undefined)
        throw new GatewayError('unavailable', `No upstream offers the model ${model.id} here.`, { retry: false });
      return { model, target, asked: name, warnings };
    },
  };
}

/** A caller's own word, safe to say back in a message of one line. */
function quote(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]/g, '?');
  return JSON.stringify(plain.length > 64 ? `${plain.slice(0, 64)}…` : plain);
}
