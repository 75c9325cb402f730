import type { Config } from './config.ts';
import type { FirstKeyTold } from './tenants/first-key.ts';

export interface Started {
  readonly apiUrl: string;
  readonly operationsUrl: string;
  readonly adminUrl: string | null;
  readonly firstKey: FirstKeyTold | null;
}

const PROMPT = 'a fox in snow';

/** What a newcomer needs to read at the start, and nothing else: what draws, a line that works, how to go on. */
export function banner(config: Config, { apiUrl, operationsUrl, adminUrl, firstKey }: Started): string {
  const key = firstKey?.where === 'here' ? firstKey.key : '$PLANTAIN_KEY';
  const json = JSON.stringify({ prompt: PROMPT, seed: 7 });
  const native = JSON.stringify({
    contents: [{ parts: [{ text: PROMPT }] }],
    generationConfig: { seed: 7, responseModalities: ['IMAGE'] },
  });
  const lines = [
    `Plantain listens on ${apiUrl}, metrics on ${operationsUrl}/metrics${adminUrl === null ? '' : `, the admin API on ${adminUrl}`}. ${whatDraws(config)}`,
    ...keyLines(firstKey),
    `A picture:       curl -sD- ${apiUrl}/v1/images/generations -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -H "Accept: image/png" -d '${json}' -o fox.png`,
    "The same again:  a hit, at no cost. So is Gemini's way of asking for it:",
    `                 curl -sD- ${apiUrl}/v1beta/models/${config.images.defaultModel}:generateContent -H "x-goog-api-key: ${key}" -H "Content-Type: application/json" -d '${native}' -o fox.json`,
    `OpenAI SDK:      OPENAI_BASE_URL=${apiUrl}/v1 OPENAI_API_KEY=${key} node your-script.js   (Gemini SDK: GOOGLE_GEMINI_BASE_URL=${apiUrl})`,
    ...stateLines(config),
    ...cacheLines(config),
    ...(isStandIn(config) ? ['Real pictures:   WISDOM_GATE_KEY=... npm start   (or GEMINI_API_KEY=...)'] : []),
  ];
  return `${[...lines, ...config.warnings.map((warning) => `Note: ${warning}`)].join('\n')}\n`;
}

function whatDraws(config: Config): string {
  if (config.simulator) {
    const why = isStandIn(config) ? 'since no vendor key is set' : 'as configured';
    return `The built-in simulator draws, ${why}: its pictures are marked, and nobody pays the costs it shows.`;
  }
  const names = config.upstreams.map(({ id }) => id).join(', then ');
  return `Pictures are drawn and PAID FOR at ${names}.`;
}

/** The simulator draws in place of a vendor whose key is missing, and not because a configuration names it. */
function isStandIn(config: Config): boolean {
  return config.simulator && !config.source.named;
}

function stateLines({ state }: Config): string[] {
  if (state === 'embedded') return [];
  return [
    `Budgets, limits: shared through ${state.shown}; the log says how much of the last moment a crash of it may lose.`,
  ];
}

function cacheLines({ cache }: Config): string[] {
  if (cache.redis === null) return [];
  const bytes = cache.s3 === null ? '' : `, their bytes in ${cache.s3.shown}`;
  return [`Cached pictures: shared through ${cache.redis.shown}${bytes}.`];
}

function keyLines(told: FirstKeyTold | null): string[] {
  if (told === null) return [];
  if (told.where === 'here' && told.again) return [`The key:         ${told.key}`];
  const cap = 'It may spend $1 a day; configure tenants for more.';
  if (told.where === 'here') return [`The key:         ${told.key}   (shown this once: keep it). ${cap}`];
  if (told.where === 'file') return [`The key:         in ${told.file}   (PLANTAIN_KEY=$(cat ${told.file})). ${cap}`];
  return [`The key:         the one shown at the first start. ${cap} For a new one remove ${told.forget}.`];
}
