import { GatewayError } from '../errors.ts';
import type { Tenant } from './authenticate.ts';
import { perMinute, rateLimited } from './limits.ts';
import type { CountLimit, Limiter, Limits } from './limits.ts';
import { EMPTY, fill, standing, waitMs } from './rate-limit.ts';
import type { Bucket, Standing } from './rate-limit.ts';
import type { Hold, SpendState } from './state.ts';

export interface ImageLimitsOptions {
  readonly state: SpendState;
  readonly count: CountLimit;
  /** Whole milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

export interface ImageLimits {
  /** The state with the limits before its money: `reserve` takes both or none, and may reject with `rate_limited` too. */
  readonly state: SpendState;
  /** Where a tenant stands with its pictures of a minute; null where they are not limited. */
  standing(tenant: Pick<Tenant, 'id' | 'limits'>): Standing | null;
}

/** What one tenant has being drawn, and has had drawn of late. */
interface Images {
  /** Pictures whose money was had. */
  bucket: Bucket;
  /** Pictures whose money is asked for at this moment. */
  pending: number;
  /** Pictures in the air: from before their money is asked for until they are settled or released. */
  aloft: number;
}

/** How soon a picture in the air may have landed. */
const LANDING_MS = 5_000;

/**
 * Pictures per minute and pictures in the air of each tenant. A picture counts where its money counts, so a hit and a
 * joined picture are free, and every way a picture can end gives its place in the air back. What one limit or the
 * budget refuses counts on none of them.
 */
export function limitImages({ state, count, now }: ImageLimitsOptions): ImageLimits {
  const tenants = new Map<string, Images>();
  const places = new Map<string, Images>();

  function imagesOf(tenant: string): Images {
    const images = tenants.get(tenant) ?? { bucket: EMPTY, pending: 0, aloft: 0 };
    tenants.set(tenant, images);
    return images;
  }

  function land(id: string): void {
    const images = places.get(id);
    if (images === undefined) return;
    places.delete(id);
    images.aloft -= 1;
  }

  /** Takes a place for each picture or throws, in one step. To be ended with whether the money was had. */
  function admit(holds: readonly Hold[], tenant: string, limits: Limits): (paid: boolean) => void {
    const images = imagesOf(tenant);
    const weight = holds.length;
    const { imagesPerMinute } = limits;
    const rate = imagesPerMinute === null ? null : perMinute(imagesPerMinute);
    const wait = rate === null ? 0 : waitMs(fill(images.bucket, rate, images.pending, now()), rate, weight, now());
    const refused = judgeImages(limits, weight, { waitMs: wait, aloft: images.aloft }, count);

    const counted = rate !== null && !refused.includes('images');
    if (counted) images.pending += weight;
    if (!refused.includes('concurrent_images')) {
      images.aloft += weight;
      for (const { id } of holds) places.set(id, images);
    }
    return (paid) => {
      if (counted) {
        images.pending -= weight;
        if (paid) images.bucket = fill(images.bucket, rate, weight, now());
      }
      if (!paid) for (const { id } of holds) land(id);
    };
  }

  return {
    state: {
      ...state,
      async reserve(holds) {
        const [first] = holds;
        const limits = first?.limits ?? null;
        if (first === undefined || limits === null || limits.mode === 'off') return state.reserve(holds);
        const end = admit(holds, first.tenant, limits);
        try {
          await state.reserve(holds);
        } catch (error) {
          end(false);
          throw error;
        }
        end(true);
      },
      settle(id, ...cost) {
        land(id);
        return state.settle(id, ...cost);
      },
      release(id, ...why) {
        land(id);
        return state.release(id, ...why);
      },
    },
    standing({ id, limits }) {
      const limit = limits?.imagesPerMinute ?? null;
      if (limit === null) return null;
      const rate = perMinute(limit);
      const { bucket, pending } = imagesOf(id);
      return standing(fill(bucket, rate, pending, now()), rate, now());
    },
  };
}

/** What a store found: how long until so many fit into the minute (0: now), and how many are being drawn. */
export interface FoundImages {
  readonly waitMs: number;
  readonly aloft: number;
}

/**
 * What a tenant's limits say of a step of `weight` pictures, counted: those that refuse it. Throws the refusal with the
 * longest wait where they are enforced.
 */
export function judgeImages(
  { imagesPerMinute, concurrentImages, mode }: Limits,
  weight: number,
  { waitMs, aloft }: FoundImages,
  count: CountLimit,
): readonly Limiter[] {
  const refusals = new Map<Limiter, GatewayError | null>();
  if (imagesPerMinute !== null) refusals.set('images', tooFast(imagesPerMinute, weight, waitMs));
  if (concurrentImages !== null) refusals.set('concurrent_images', tooMany(concurrentImages, weight, aloft));

  const refused = [...refusals].filter(([, refusal]) => refusal !== null).map(([limiter]) => limiter);
  for (const limiter of refusals.keys()) {
    if (!refused.includes(limiter)) {
      if (refused.length === 0 || mode === 'shadow') count(limiter, 'allowed');
    } else count(limiter, mode === 'shadow' ? 'shadow_denied' : 'denied');
  }
  const worst = worstOf([...refusals.values()]);
  if (mode === 'enforce' && worst !== null) throw worst;
  return refused;
}

function tooFast(limit: number, asked: number, waitMs: number): GatewayError | null {
  if (asked > limit) return never(asked, `it may have ${limit} drawn a minute`);
  if (waitMs === 0) return null;
  return rateLimited(
    `This tenant may have ${picturesOf(limit)} drawn a minute, and ${asked} more are too many now.`,
    waitMs,
  );
}

function tooMany(limit: number, asked: number, aloft: number): GatewayError | null {
  if (asked > limit) return never(asked, `it may have ${limit} drawn at one time`);
  if (aloft + asked <= limit) return null;
  return rateLimited(
    `This tenant may have ${picturesOf(limit)} drawn at one time: ${aloft} are being drawn, and this is ${asked} more.`,
    LANDING_MS,
  );
}

/** No waiting helps; who waits for the same pictures may have a smaller request, and is not refused with it. */
function never(asked: number, rule: string): GatewayError {
  return new GatewayError(
    'invalid_request',
    `${asked} pictures in one request are more than this tenant can ever have: ${rule}. Ask for fewer in one request.`,
    { param: 'n', code: 'over_image_limit', inPerson: true },
  );
}

function picturesOf(count: number): string {
  return count === 1 ? '1 picture' : `${count} pictures`;
}

/** The one that says the longest wait: after a shorter one the request would be refused again. */
function worstOf(refusals: readonly (GatewayError | null)[]): GatewayError | null {
  const waits = (refusal: GatewayError | null): number =>
    refusal === null ? 0 : (refusal.detail.retryAfterSeconds ?? Infinity);
  return refusals.reduce((worst, each) => (waits(each) > waits(worst) ? each : worst), null);
}
