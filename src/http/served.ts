import { cacheStatus } from '../cache/policy.ts';
import type { Call, Dialect } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import type { Served, ServedPicture } from '../gateway.ts';
import type { Planned } from '../gateway/plan.ts';
import { formatUsd } from '../image/price.ts';
import { shapeWarnings } from '../image/warnings.ts';
import { readBase64 } from '../wire/base64.ts';
import { splice } from '../wire/json.ts';
import type { Loan } from '../wire/regions.ts';
import { commonHeaders } from './exchange.ts';
import type { Answer, Facts } from './exchange.ts';
import type { Reply } from './reply.ts';

/** Pictures as a reply: the dialect's JSON, or the bytes of the one picture, bare, in memory lent for them. Fills in the facts. */
export async function renderPictures(
  served: Served,
  dialect: Dialect,
  call: Call,
  facts: Facts,
  bare: Loan | null,
): Promise<Reply> {
  if (bare === null) {
    const { status, headers, body } = pictureAnswer(served, dialect, call, facts);
    return { status, headers, ...splice(body) };
  }
  const { headers, first } = headersOf(served, facts);
  const { bytes } = await readBase64(first.picture.data, bare.take);
  return {
    status: 200,
    headers: { ...headers, 'content-type': first.picture.info.mimeType },
    chunks: [bytes],
    byteLength: bytes.byteLength,
  };
}

/** The dialect's JSON before it is written down. Fills in the facts. */
export function pictureAnswer(served: Served, dialect: Dialect, call: Call, facts: Facts): Answer {
  const { headers } = headersOf(served, facts);
  return {
    status: 200,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    body: dialect.renderAnswer(served.pictures, served.request, call, served.costNanos),
  };
}

/** What is known of an answer that has only begun. */
export function earlyHeaders(
  { request, model, target, instead }: Planned,
  { requestId }: Facts,
): Record<string, string> {
  return {
    ...commonHeaders(requestId),
    // Where another model may answer yet, who did is told at the end.
    ...(instead === null && { 'x-plantain-model': model.id, 'x-plantain-upstream': target.upstream }),
    ...warningHeader(request.delivery.warnings),
  };
}

/** All there is to say of an answer beside the answer. Fills in the facts. */
export function headersOf(
  served: Served,
  facts: Facts,
): { readonly headers: Record<string, string>; readonly first: ServedPicture } {
  const { pictures, request } = served;
  const first = pictures[0];
  if (first === undefined) throw new GatewayError('internal', 'An answer without a picture.');
  note(facts, served);
  const warnings = [
    ...request.delivery.warnings,
    ...shapeWarnings({
      asked: request.shape,
      ...served.shape,
      pictures: pictures.map(({ drawn }) => drawn.picture.info),
    }),
  ];
  if (served.missing !== null)
    warnings.push(
      `${request.count - pictures.length} of ${request.count} pictures failed (${served.missing.failure}): ${served.missing.message}`,
    );
  for (const { insteadOf, flown } of pictures)
    if (insteadOf !== null)
      warnings.push(
        `Nobody could draw this picture just now (${insteadOf}): it is one from before, ${-(flown.hit?.ttlSeconds ?? 0)} seconds past its time.`,
      );
  if (pictures.some(({ drawn, picture }) => drawn.picture.info.hasProvenance && !picture.info.hasProvenance))
    warnings.push('Making another format of it left out the C2PA manifest of the vendor.');
  const headers = {
    ...commonHeaders(facts.requestId),
    ...pictureHeaders(served, facts),
    ...warningHeader(warnings),
  };
  return { headers, first };
}

function warningHeader(warnings: readonly string[]): Record<string, string> {
  return warnings.length === 0 ? {} : { 'x-plantain-warning': warnings.map(headerText).join(', ') };
}

function note(facts: Facts, { pictures, costNanos }: Served): void {
  const { drawn, picture } = pictures[0]!;
  facts.outcome = pictures.some(({ how }) => how === 'drawn')
    ? 'ok'
    : pictures.some(({ how }) => how === 'joined')
      ? 'joined'
      : 'cached';
  facts.upstream = drawn.upstream;
  facts.modelAnswered = drawn.answer.modelVersion;
  facts.size = `${picture.info.width}x${picture.info.height}`;
  facts.pictures = pictures.length;
  facts.cache = statusOf(pictures);
  facts.cacheKey = keysOf(pictures);
  facts.costUsd = formatUsd(costNanos);
  facts.insteadOf = pictures.find(({ insteadOf }) => insteadOf !== null)?.insteadOf ?? null;
}

function pictureHeaders({ pictures, model }: Served, facts: Facts): Record<string, string> {
  const ages = pictures.map(({ flown }) => flown.hit?.ageSeconds ?? null).filter((age) => age !== null);
  return {
    'cache-status': [facts.cache ?? '', ...(facts.cacheKey === null ? [] : [`key="${facts.cacheKey}"`])].join('; '),
    ...(ages.length > 0 && { age: String(Math.max(...ages)) }),
    'x-plantain-model': model.id,
    'x-plantain-upstream': facts.upstream ?? '',
    'x-plantain-cost-usd': facts.costUsd ?? '0',
    'x-plantain-size': pictures.map(({ picture }) => `${picture.info.width}x${picture.info.height}`).join(', '),
    'server-timing': `upstream;dur=${facts.upstreamMs.toFixed(1)}`,
  };
}

/** One member for the whole answer: that of the picture the cache did least for. */
function statusOf(pictures: readonly ServedPicture[]): string {
  const order = { drawn: 0, joined: 1, hit: 3 } as const;
  const rank = ({ how, insteadOf }: ServedPicture): number => (insteadOf === null ? order[how] : 2);
  const least = pictures.toSorted((left, right) => rank(left) - rank(right))[0]!;
  const { hit, stored } = least.flown;
  return cacheStatus(least.decision, { hit, collapsed: least.how === 'joined', stored });
}

/** Of those that are kept, by which an operator can purge them. */
function keysOf(pictures: readonly ServedPicture[]): string | null {
  const kept = pictures.filter(({ flown }) => flown.hit !== null || flown.stored);
  return kept.length === 0 ? null : kept.map(({ key }) => key.digest).join(' ');
}

/** Header values are one line of ASCII; a comma would begin the next warning. */
function headerText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, '?')
    .replaceAll(',', ';')
    .replace(/\.$/, '');
}
