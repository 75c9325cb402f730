import { modalitiesOf } from '../../image/conversation.ts';
import { readBoolean, readModelName } from '../../image/fields.ts';
import { readConfig } from '../../image/native/config.ts';
import { gatherBody } from '../../image/native/extras.ts';
import { readFormat, refuseTransparency } from '../../image/native/format.ts';
import { readShape } from '../../image/native/shape.ts';
import { take } from '../../image/native/spelling.ts';
import { WHOLE } from '../../image/request.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { JsonObject } from '../../wire/json.ts';
import { MESSAGES } from './fields.ts';
import { readConversation } from './messages.ts';
import { gatherSettings, readUser } from './settings.ts';
import { gatherTools } from './tools.ts';

// https://docs.claude.com/en/api/messages, and the same without max_tokens: https://docs.claude.com/en/api/messages-count-tokens

export function parseRequest(body: JsonObject): ImageRequest {
  const { own, places } = gatherBody(body, MESSAGES);
  const { warnings } = places;
  const conversation = readConversation(own, warnings);
  const model = take(own, 'model', readModelName)?.value ?? null;
  const user = readUser(own, warnings);
  refuseTransparency(own);
  gatherTools(own, places);
  gatherSettings(own, places);
  const { modalities: asked, ratio, tier, ...config } = readConfig(places);
  const modalities = modalitiesOf(asked);
  const isStreamed = take(own, 'stream', readBoolean)?.value === true;
  return {
    ...config,
    ...conversation,
    model,
    modalities,
    shape: readShape(own, { ratio, tier }, warnings),
    count: 1,
    // Claude has no events for drafts: its clients take every picture for an answer.
    delivery: { ...WHOLE, ...readFormat(own), stream: isStreamed ? { drafts: 0 } : null, warnings },
    user,
  };
}
