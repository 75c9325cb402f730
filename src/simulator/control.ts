import type { IncomingMessage } from 'node:http';
import type { Bill } from './bill.ts';
import type { Payload } from './exchange.ts';
import { FAULTS } from './faults.ts';
import type { Journal } from './journal.ts';
import { jsonPayload } from './payload.ts';
import { parseRule } from './rules.ts';
import type { Rules } from './rules.ts';
import { parseSettings } from './settings.ts';
import type { Settings } from './settings.ts';

/** What stands behind `/simulator/...`: for people with curl, and for tests in another process. */
export interface Desk {
  readonly bill: Bill;
  readonly journal: Journal;
  readonly rules: Rules;
  readonly settings: Settings;
}

const MAX_BODY_BYTES = 65_536;

/** No key is asked: the simulator is on loopback and nothing here is worth one. */
export async function control(request: IncomingMessage, path: string, desk: Desk): Promise<Payload> {
  const { bill, journal, rules, settings } = desk;
  try {
    switch (`${request.method} ${path}`) {
      case 'GET /simulator/bill': {
        const { entries, totalNanoUsd, totalPictures } = bill;
        return jsonPayload(200, { totalNanoUsd, totalUsd: totalNanoUsd / 1e9, totalPictures, entries });
      }
      case 'GET /simulator/calls':
        return jsonPayload(200, { count: journal.count, calls: journal.calls });
      case 'GET /simulator/faults':
        return jsonPayload(
          200,
          Object.fromEntries(Object.entries(FAULTS).map(([name, { description }]) => [name, description])),
        );
      case 'POST /simulator/rules':
        rules.add(parseRule(await readJson(request)));
        return jsonPayload(201, { rules: rules.list });
      case 'GET /simulator/rules':
        return jsonPayload(200, { rules: rules.list });
      case 'DELETE /simulator/rules':
        rules.clear();
        return jsonPayload(200, { rules: rules.list });
      case 'PUT /simulator/settings':
        Object.assign(settings, parseSettings(await readJson(request)));
        return jsonPayload(200, settings);
      case 'GET /simulator/settings':
        return jsonPayload(200, settings);
      default:
        return jsonPayload(404, {
          error: { message: 'The simulator has /simulator/ bill, calls, faults, rules and settings.' },
        });
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return jsonPayload(400, { error: { message: error.message } });
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new RangeError(`more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
