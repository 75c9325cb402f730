import { conflictingFields, missingField, readObject, readString } from '../../image/fields.ts';
import { gatherNative, noFields, readConfig } from '../../image/native/config.ts';
import { take } from '../../image/native/spelling.ts';
import type { Draw, ImageRequest } from '../../image/request.ts';
import { WHOLE } from '../../image/request.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import type { Call, SizeNames } from '../dialect.ts';
import { parseSystem, parseTurns, renderTurn } from './contents.ts';

// generateContent's request, both ways: https://ai.google.dev/api/generate-content#request-body

/** `path`: where the request stands, if not at the top. */
export function parseRequest(body: JsonObject, call: Call, path = ''): ImageRequest {
  const places = noFields();
  gatherNative(places, 'request', readObject(body, path), path);
  const model = take(places.request, 'model', readString);
  if (model !== null && call.pathModel !== null && bareName(model.value) !== bareName(call.pathModel)) {
    throw conflictingFields("the path's model", model.path);
  }
  const turns = take(places.request, 'contents', parseTurns);
  if (turns === null)
    throw missingField(
      path === '' ? 'contents' : `${path}.contents`,
      'a list of contents, such as [{"parts":[{"text":"a fox in snow"}]}]',
    );
  const system = take(places.request, 'systemInstruction', parseSystem);
  const { modalities, ratio, tier, ...config } = readConfig(places);
  return {
    ...config,
    model: call.pathModel ?? model?.value ?? null,
    turns: turns.value,
    system: system?.value ?? null,
    modalities: modalities?.value ?? ['IMAGE', 'TEXT'],
    shape: {
      ratio: ratio?.value ?? null,
      tier: tier?.value ?? null,
      pixels: null,
      quality: null,
      named: {
        ratio: ratio?.path ?? 'generationConfig.imageConfig.aspectRatio',
        tier: tier?.path ?? 'generationConfig.imageConfig.imageSize',
      },
    },
    count: 1,
    delivery: { ...WHOLE, warnings: places.warnings },
    user: null,
  };
}

/** The body is the same. What the vendor tells of its thinking is passed on as it comes, all of it. */
export function parseStreamed(body: JsonObject, call: Call): ImageRequest {
  const request = parseRequest(body, call);
  const drafts = request.thinking?.includeThoughts === true ? Infinity : 0;
  return { ...request, delivery: { ...request.delivery, stream: { drafts } } };
}

function bareName(model: string): string {
  return model.replace(/^models\//, '');
}

/** `sizeNames`: the upstream's own spelling of a tier, where it differs from Google's. */
export function renderRequest(draw: Draw, sizeNames: SizeNames = {}): JsonObject {
  const imageConfig: JsonObject = {
    ...present('aspectRatio', draw.ratio),
    ...present('imageSize', draw.tier === null ? null : (sizeNames[draw.tier] ?? draw.tier)),
    ...draw.more.imageConfig,
  };
  const generationConfig: JsonObject = {
    responseModalities: [...draw.modalities],
    ...present('imageConfig', Object.keys(imageConfig).length > 0 ? imageConfig : null),
    ...present('seed', draw.seed),
    ...present('temperature', draw.temperature),
    ...present('thinkingConfig', draw.thinking),
    ...draw.more.generationConfig,
  };
  return {
    contents: draw.turns.map(renderTurn),
    ...present('systemInstruction', draw.system && renderTurn(draw.system)),
    ...present('tools', draw.tools.length > 0 ? [...draw.tools] : null),
    ...present('safetySettings', draw.safety.length > 0 ? [...draw.safety] : null),
    generationConfig,
    ...draw.more.request,
  };
}

function present(name: string, value: Json): JsonObject {
  return value === null ? {} : { [name]: value };
}
