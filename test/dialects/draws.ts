import type { Call } from '../../src/dialects/dialect.ts';
import { GatewayError } from '../../src/errors.ts';
import { BUILT_IN_MODELS, findModel } from '../../src/image/model.ts';
import type { Model } from '../../src/image/model.ts';
import { drawsOf } from '../../src/image/request.ts';
import type { Draw, ImageRequest } from '../../src/image/request.ts';
import { resolveShape } from '../../src/image/size.ts';
import type { JsonObject } from '../../src/wire/json.ts';

export const flash = findModel(BUILT_IN_MODELS, 'gemini-3.1-flash-image')!;
export const pro = findModel(BUILT_IN_MODELS, 'gemini-3-pro-image')!;

export const imagesCall: Call = { requestId: 'req_1', pathModel: null, receivedAt: 1_790_000_000_000 };
export const geminiCall: Call = { ...imagesCall, pathModel: flash.id };

/** What a request for one picture comes to on that model. */
export function drawOf(request: ImageRequest, model: Model = flash): Draw {
  return drawsOf(request, model.id, resolveShape(request.shape, model))[0]!;
}

export function refusalOf(act: () => unknown): GatewayError {
  try {
    act();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** As a body arrives: through JSON. */
export function received(json: string): JsonObject {
  return JSON.parse(json) as JsonObject;
}

export function textTurn(text: string): JsonObject {
  return { role: 'user', parts: [{ text }] };
}
