import { checkOnePicture, modalitiesOf } from '../../image/conversation.ts';
import { readModelName } from '../../image/fields.ts';
import { readConfig } from '../../image/native/config.ts';
import { gatherBody } from '../../image/native/extras.ts';
import { refuseTransparency } from '../../image/native/format.ts';
import { readShape } from '../../image/native/shape.ts';
import { take } from '../../image/native/spelling.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import { readSafety, readUser } from '../openai-caller.ts';
import { readDelivery } from './delivery.ts';
import { echoOf } from './echo.ts';
import { RESPONSES } from './fields.ts';
import { readConversation } from './input.ts';
import { withMask } from './mask.ts';
import { gatherSettings } from './settings.ts';
import { refuseStored } from './stored.ts';
import { gatherThinking } from './thinking.ts';
import { checkAction, gatherTools } from './tools.ts';

// https://platform.openai.com/docs/api-reference/responses/create

export function parseRequest(body: JsonObject): ImageRequest {
  const { own, places } = gatherBody(body, RESPONSES);
  const { warnings } = places;
  const tool = gatherTools(own, places);
  refuseStored(own);
  const conversation = readConversation(own, warnings);
  checkAction(tool, conversation, warnings);
  const model = take(own, 'model', readModelName)?.value ?? null;
  const painter = take(tool, 'model', readModelName);
  checkOnePicture(tool, 'response');
  refuseTransparency(tool);
  gatherThinking(own, places);
  gatherSettings(own, places);

  const { modalities: asked, ratio, tier, ...config } = readConfig(places);
  const modalities = modalitiesOf(asked);
  const shape = readShape(tool, { ratio, tier }, warnings);
  const delivery = {
    ...readDelivery(own, tool, warnings),
    thoughts: config.thinking?.includeThoughts === true,
    echo: echoOf(body),
  };
  const request: ImageRequest = {
    ...config,
    ...conversation,
    model: model ?? painter?.value ?? null,
    ...(model !== null && painter !== null && { drawnBy: { name: painter.value, path: painter.path } }),
    modalities,
    shape,
    safety: readSafety(tool, config),
    count: 1,
    delivery,
    user: readUser(own, delivery),
  };
  return withMask(request, tool);
}
