import { digestOf, rememberDigest } from '../cache/digest.ts';
import type { UpstreamDialect } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import type { Answer, AnswerPart, Picture } from '../image/answer.ts';
import { checkedPicture } from '../image/checked.ts';
import type { Draw } from '../image/request.ts';
import { bestFit } from '../image/size.ts';
import type { UpstreamOutcome } from '../metrics.ts';
import type { Sent } from '../upstreams/client.ts';
import { isObject } from '../wire/json.ts';
import type { Regions } from '../wire/regions.ts';

/** A reply judged: what it says, what it may have cost, and the picture in it or the reason why there is none. */
export type Judged = {
  readonly outcome: UpstreamOutcome;
  /** nothing: it cannot have cost anything. actual: by what came back. worst: unknown, so the whole hold. */
  readonly charge: 'nothing' | 'actual' | 'worst';
} & (
  | { readonly error: GatewayError; readonly answer: Answer | null; readonly picture: null }
  | { readonly error: null; readonly answer: Answer; readonly picture: Picture }
);

export interface JudgeParts {
  readonly dialect: UpstreamDialect;
  readonly regions: Regions;
  /** Whether the picture is kept: then what it is known by is worked out while its bytes are at hand. */
  readonly isKept: boolean;
}

export async function judge({ dialect, regions, isKept }: JudgeParts, sent: Sent, draw: Draw): Promise<Judged> {
  const failed = (
    outcome: UpstreamOutcome,
    charge: Judged['charge'],
    error: GatewayError,
    answer: Answer | null = null,
  ) => ({ outcome, charge, error, answer, picture: null }) as const;

  if (sent.kind === 'not_sent') return failed(sent.isCancelled ? 'cancelled' : 'not_sent', 'nothing', sent.error);
  if (sent.kind === 'lost') return failed(sent.reason === 'not_json' ? 'parse' : sent.reason, 'worst', sent.error);
  if (sent.status !== 200) {
    const outcome = sent.status === 429 ? 'http_429' : sent.status >= 500 ? 'http_5xx' : 'http_4xx';
    const error = dialect.parseError(sent.status, sent.words, sent.retryAfter);
    return failed(outcome, error.detail.mayHaveCost === true ? 'worst' : 'nothing', error);
  }
  const words = Array.isArray(sent.words) ? dialect.joinPieces(sent.words) : sent.words;
  if (words === null) return failed('truncated', 'worst', brokenOff());
  let answer: Answer;
  try {
    answer = dialect.parseAnswer(isObject(words) ? words : {});
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    // An error in a 200 is a refusal like any other, unless it tells of work that was begun.
    const mayHaveCost = error.detail.mayHaveCost === true;
    return failed(mayHaveCost ? 'parse' : 'http_5xx', mayHaveCost ? 'worst' : 'nothing', error);
  }
  if (answer.verdict !== 'picture') {
    const outcome = answer.verdict === 'no_image' ? 'no_image' : 'safety';
    return failed(outcome, 'actual', noPicture(answer), answer);
  }
  const chosen = await choose(answer, draw, regions, isKept);
  if (chosen === null) {
    const message =
      'The upstream sent a picture that is broken. It was paid for all the same, so it is not asked for again by itself.';
    return failed('bad_picture', 'actual', new GatewayError('upstream_failed', message, { retry: false }), answer);
  }
  const { picture, part } = chosen;
  const labelled = dialect.relabel(answer, part.data, picture.info.mimeType);
  return { outcome: 'ok', charge: 'actual', error: null, answer: labelled, picture };
}

function brokenOff(): GatewayError {
  const message =
    'The upstream broke off its answer after it had begun. The picture may have been paid for, so it is not asked for again by itself.';
  return new GatewayError('upstream_failed', message, { code: 'upstream_bad_response', retry: false });
}

function noPicture(answer: Answer): GatewayError {
  const failure = answer.verdict === 'picture' ? 'no_image' : answer.verdict;
  const said = answer.message === null ? '' : ` ${answer.message}`;
  const reason = answer.reason === null ? '' : ` (${answer.reason})`;
  const text = {
    blocked_prompt: `The prompt was blocked by the vendor's safety system${reason}.${said}`,
    blocked_output: `The picture was blocked by the vendor's safety system${reason}.${said}`,
    no_image: `The model answered without a picture${reason}.${said}`,
  } as const;
  return new GatewayError(failure, text[failure], { retry: false, vendor: { status: 200, words: answer.words } });
}

type PicturePart = AnswerPart & { readonly kind: 'picture' };

/** The picture that answers: of those whose bytes are whole, the one whose pixels fit the size asked for. */
async function choose(
  answer: Answer,
  draw: Draw,
  regions: Regions,
  isKept: boolean,
): Promise<{ readonly part: PicturePart; readonly picture: Picture } | null> {
  const whole: { readonly part: PicturePart; readonly picture: Picture }[] = [];
  const isSigned = answer.parts.some(({ signature }) => signature !== null);
  const digest = async (bytes: Buffer, { data }: Picture): Promise<void> =>
    rememberDigest(data, await digestOf([bytes]));
  for (const part of answer.parts) {
    if (part.kind !== 'picture' || part.thought) continue;
    const picture = await checkedPicture(part.data, regions, isKept || isSigned ? digest : undefined);
    if (picture !== null) whole.push({ part, picture });
  }
  return (
    whole[
      bestFit(
        whole.map(({ picture }) => picture.info),
        draw,
      )
    ] ?? null
  );
}
