import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';

/** What a response says again of its request, with what OpenAI takes for granted: https://platform.openai.com/docs/api-reference/responses/object */
const DEFAULTS = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: 'default',
  temperature: null,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: null,
  truncation: 'disabled',
  user: null,
} as const satisfies JsonObject;

/** What nothing is kept for is told as it is here, whatever was asked. */
const NOT_KEPT = {
  background: false,
  conversation: null,
  previous_response_id: null,
  prompt: null,
  store: false,
} as const;

export function echoOf(body: JsonObject): JsonObject {
  const said = Object.entries(DEFAULTS).map(([name, usual]): [string, Json] => [name, over(usual, body[name] ?? null)]);
  const { tools, ...echo } = Object.fromEntries(said);
  return { ...echo, tools: Array.isArray(tools) ? tools.map(withoutMask) : [], ...NOT_KEPT };
}

/** Of an object what was not said is what is taken for granted. */
function over(usual: Json, said: Json): Json {
  return isObject(usual) && isObject(said) ? { ...usual, ...said } : (said ?? usual);
}

/** A mask is some megabytes, and its caller has it. */
function withoutMask(tool: Json): Json {
  if (!isObject(tool)) return tool;
  const { input_image_mask: _, ...rest } = tool;
  return rest;
}
