import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { JsonMap } from '../../tenants/settings.ts';
import { isMap } from '../../tenants/settings.ts';
import { WrongUse } from '../command.ts';
import type { Surroundings } from '../command.ts';
import { exchange } from '../exchange.ts';
import type { Reply } from '../exchange.ts';

/** For `parseArgs`: every command that speaks to a running gateway takes them. */
export const ADMIN_OPTIONS = { admin: { type: 'string' }, json: { type: 'boolean', default: false } } as const;

export const ADMIN_HELP = `Which gateway:
  --admin URL        its admin API (also: PLANTAIN_ADMIN_URL; default: http://127.0.0.1:9465)
  --json             print the answer as it came
The admin key is read from PLANTAIN_ADMIN_KEY, or from the file that PLANTAIN_ADMIN_KEY_FILE names.`;

const USUAL_URL = 'http://127.0.0.1:9465';
const PATIENCE_MS = 30_000;
/** More pages than this are a list that never ends. */
const MOST_PAGES = 10_000;

/** The admin API of a running gateway. Every failure is an Error that says what to do. */
export interface AdminApi {
  get(path: string): Promise<JsonMap>;
  post(path: string, body: JsonMap): Promise<JsonMap>;
  /** All items of a list, page after page; `path` has a query already. */
  list(path: string, name: string): Promise<readonly JsonMap[]>;
}

/** Throws WrongUse when there is no admin key, or the address is none. */
export function adminApi({ admin }: { readonly admin?: string | undefined }, surroundings: Surroundings): AdminApi {
  const { environment } = surroundings;
  const base = (admin ?? (environment['PLANTAIN_ADMIN_URL']?.trim() || USUAL_URL)).replace(/\/+$/, '');
  if (!URL.canParse(base) || !/^https?:/.test(base))
    throw new WrongUse('The address of the admin API must begin with http:// or https://.');
  const key = adminKey(surroundings);
  if (key === null)
    throw new WrongUse('This needs the admin key of the gateway: set PLANTAIN_ADMIN_KEY, or PLANTAIN_ADMIN_KEY_FILE.');

  async function call(method: string, path: string, body?: JsonMap): Promise<JsonMap> {
    let reply: Reply;
    try {
      reply = await send(method, path, body);
    } catch (error) {
      throw unreachable(base, error);
    }
    const answer = parsed(reply.text);
    if (answer === null) throw new Error(notAdmin(base));
    if (reply.status < 200 || reply.status >= 300) throw new Error(refusal(base, answer));
    return answer;
  }

  function send(method: string, path: string, body?: JsonMap): Promise<Reply> {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const text = body === undefined ? '' : JSON.stringify(body);
    return exchange(`${base}/admin${path}`, { method, headers, signal: AbortSignal.timeout(PATIENCE_MS) }, text);
  }

  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    async list(path, name) {
      const items: JsonMap[] = [];
      let after = '';
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const answer = await call('GET', `${path}&limit=1000${after}`);
        const found = answer[name];
        items.push(...(Array.isArray(found) ? found.filter(isMap) : []));
        if (typeof answer['next'] !== 'string') break;
        after = `&after=${encodeURIComponent(answer['next'])}`;
      }
      return items;
    },
  };
}

/** Null: there is none. */
export function adminKey({ environment, workingDirectory }: Surroundings): string | null {
  const key = environment['PLANTAIN_ADMIN_KEY']?.trim() ?? '';
  if (key !== '') return key;
  const file = environment['PLANTAIN_ADMIN_KEY_FILE']?.trim() ?? '';
  return file === '' ? null : readFileSync(resolve(workingDirectory, file), 'utf8').trim();
}

function unreachable(base: string, error: unknown): Error {
  if (error instanceof Error && ['TimeoutError', 'AbortError'].includes(error.name))
    return new Error(`The gateway at ${base} did not answer within ${PATIENCE_MS / 1000} seconds.`, { cause: error });
  return new Error(
    `Nothing answers at ${base}: either no gateway is running, or it was started without PLANTAIN_ADMIN_KEY, which keeps ` +
      'its admin port off, or its admin port is another one (--admin URL).',
    { cause: error },
  );
}

function refusal(base: string, answer: JsonMap): string {
  const { error } = answer;
  if (!isMap(error) || typeof error['message'] !== 'string' || !Array.isArray(error['mistakes'])) return notAdmin(base);
  return error['message'];
}

function notAdmin(base: string): string {
  return `${base} answers, but not as an admin API does: is it the admin port, 9465 unless configured otherwise?`;
}

function parsed(text: string): JsonMap | null {
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) ? value : null;
  } catch {
    return null;
  }
}
