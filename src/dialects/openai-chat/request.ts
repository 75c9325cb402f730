import { modalitiesOf, passedOverWarnings } from '../../image/conversation.ts';
import { missingField, readInteger, readModelName } from '../../image/fields.ts';
import { checkSeeds, readConfig } from '../../image/native/config.ts';
import { gatherBody } from '../../image/native/extras.ts';
import { refuseTransparency } from '../../image/native/format.ts';
import { readShape } from '../../image/native/shape.ts';
import { take } from '../../image/native/spelling.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { readSafety, readUser } from '../openai-caller.ts';
import { readDelivery } from './delivery.ts';
import { COMPLETIONS } from './fields.ts';
import type { OwnName } from './fields.ts';
import { parseMessages } from './messages.ts';
import { gatherSettings } from './settings.ts';
import { gatherThinking } from './thinking.ts';
import { gatherTools } from './tools.ts';

// https://platform.openai.com/docs/api-reference/chat/create

export function parseRequest(body: JsonObject): ImageRequest {
  const { own, places } = gatherBody(body, COMPLETIONS);
  const { warnings } = places;
  const read = <T>(name: OwnName, reader: (value: Json, path: string) => T) => take(own, name, reader);

  const passedOver: string[] = [];
  const messages = read('messages', (value, path) => parseMessages(value, path, (each) => passedOver.push(each)));
  if (messages === null) throw missingField('messages', 'a list such as [{"role":"user","content":"a fox in snow"}]');
  warnings.push(...passedOverWarnings(passedOver));
  const model = read('model', readModelName)?.value ?? null;
  const count = read('n', (value, path) => readInteger(value, path, { min: 1, max: 10 }))?.value ?? 1;
  refuseTransparency(own);
  gatherTools(own, places);
  gatherThinking(own, places);
  gatherSettings(own, places);

  const { modalities: asked, ratio, tier, ...config } = readConfig(places);
  const modalities = modalitiesOf(asked);
  checkSeeds(config, count);
  const shape = readShape(own, { ratio, tier }, warnings);
  const delivery = readDelivery(own, warnings);
  return {
    ...config,
    ...messages.value,
    model,
    modalities,
    shape,
    safety: readSafety(own, config),
    count,
    delivery,
    user: readUser(own, delivery),
  };
}
