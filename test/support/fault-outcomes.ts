import type { Fault } from '../../src/simulator/faults.ts';

/** What becomes of a call whose upstream misbehaves. */
export interface Outcome {
  /** Statuses for callers of the images dialect and for native ones, who read the vendor's own words where it spoke. */
  readonly images: number;
  readonly native: number;
  /** The error's code in the images dialect. */
  readonly code: string | null;
  /** What `x-should-retry` says; null where there is no error. */
  readonly retry: boolean | null;
  /** free: no charge, no bill. billed: the charge is the bill. unknown: charged in full, whatever the bill. */
  readonly money: 'free' | 'billed' | 'unknown';
  readonly warns?: true;
}

const drawn: Outcome = { images: 200, native: 200, code: null, retry: null, money: 'billed' };
export const BUSY: Outcome = { images: 503, native: 503, code: 'upstream_busy', retry: true, money: 'free' };
const overloaded: Outcome = { ...BUSY, code: 'upstream_capacity' };
const quota: Outcome = { images: 503, native: 503, code: 'upstream_quota', retry: false, money: 'free' };
const ourTrouble = (code: string): Outcome => ({ ...BUSY, code });
const failed: Outcome = { images: 502, native: 502, code: 'upstream_failed', retry: false, money: 'free' };
const refusedByVendor: Outcome = { ...failed, native: 500, retry: true };
const lost: Outcome = { ...failed, money: 'unknown' };
const shapeless: Outcome = { ...lost, code: 'upstream_bad_response' };
const brokenPicture: Outcome = { ...failed, money: 'billed' };
export const TIMED_OUT: Outcome = {
  images: 504,
  native: 504,
  code: 'upstream_timeout',
  retry: false,
  money: 'unknown',
};
const blocked: Outcome = { images: 400, native: 200, code: 'moderation_blocked', retry: false, money: 'free' };
const noImage: Outcome = { images: 422, native: 200, code: 'no_image', retry: false, money: 'billed' };

export const OUTCOMES: Readonly<Record<Exclude<Fault, Slow>, Outcome>> = {
  'rate-limit': BUSY,
  'daily-quota': quota,
  'limit-zero': quota,
  'capacity-429': overloaded,
  overloaded,
  internal: refusedByVendor,
  deadline: TIMED_OUT,
  cancelled: TIMED_OUT,
  unauthorized: ourTrouble('upstream_credentials'),
  'key-invalid': ourTrouble('upstream_credentials'),
  forbidden: ourTrouble('upstream_credentials'),
  'service-disabled': ourTrouble('upstream_credentials'),
  'model-gone': ourTrouble('upstream_model'),
  'reseller-error': ourTrouble('upstream_model'),
  location: ourTrouble('upstream_location'),
  'signature-refused': {
    images: 400,
    native: 400,
    code: 'thought_signature_refused',
    retry: false,
    money: 'free',
  },
  'too-large': { images: 413, native: 413, code: 'request_too_large', retry: false, money: 'free' },
  'bad-gateway-html': lost,
  'error-array': overloaded,
  'error-200': refusedByVendor,
  'empty-error': lost,
  'empty-204': lost,
  redirect: failed,
  'html-200': lost,
  'empty-200': lost,
  'gzip-bomb': lost,

  'no-image': noImage,
  'no-image-text': noImage,
  'drafts-only': noImage,
  'empty-content': noImage,
  'max-tokens': noImage,
  'image-safety': blocked,
  'image-prohibited': blocked,
  'image-recitation': blocked,
  'image-other': { ...noImage, money: 'free' },
  safety: blocked,
  'prohibited-content': blocked,
  recitation: blocked,
  blocklist: blocked,
  spii: blocked,
  language: noImage,
  other: noImage,
  'malformed-response': noImage,
  'unknown-reason': noImage,
  'blocked-safety': blocked,
  'blocked-prohibited': blocked,
  'blocked-blocklist': blocked,
  'blocked-image-safety': blocked,
  'blocked-model-armor': blocked,
  'blocked-jailbreak': blocked,
  'blocked-other': blocked,
  'high-usage': drawn,

  'broken-picture': brokenPicture,
  'truncated-picture': brokenPicture,
  'wrong-mime': drawn,
  polyglot: drawn,
  'not-a-picture': brokenPicture,
  'bad-base64': brokenPicture,
  'empty-picture': noImage,
  'picture-bomb': brokenPicture,
  'tiny-dimensions': { ...drawn, warns: true },
  'wrong-ratio': { ...drawn, warns: true },
  'two-pictures': drawn,
  'no-signature': drawn,

  'bad-json': lost,
  'trailing-garbage': lost,
  nan: lost,
  'huge-number': drawn,
  'duplicate-keys': shapeless,
  deep: lost,
  'lone-surrogate': drawn,
  'invalid-utf8': lost,
  'wrong-shape': shapeless,
  'no-candidates': shapeless,
  'empty-object': shapeless,
  'missing-content': noImage,
  'null-parts': noImage,
  'empty-parts': noImage,
  'missing-usage': { ...drawn, money: 'unknown' },
  'absurd-usage': { ...drawn, money: 'unknown' },

  'truncate-length': lost,
  'truncate-chunked': lost,
  'truncate-close': lost,
  reset: lost,
  hangup: lost,
  huge: lost,
  'wrong-content-type': drawn,
  'big-headers': lost,
  'double-length': lost,
  'short-length': lost,
  'bare-cr': lost,
  garbage: lost,
  'extra-response': drawn,
  gzip: lost,
  'stacked-encodings': lost,

  'stream-error': drawn,
  'stream-error-first': drawn,
  'stream-unfinished': drawn,
  'stream-no-usage': drawn,
  'stream-cut': drawn,
  'stream-done': drawn,
  'stream-one-piece': drawn,
  'stream-unknown': drawn,
  'stream-refused': drawn,
};

/** Those that a stream alone shows, when it is one. */
export const IN_STREAMS = {
  'stream-error': shapeless,
  'stream-error-first': overloaded,
  'stream-unfinished': shapeless,
  'stream-no-usage': { ...drawn, money: 'unknown' },
  'stream-cut': lost,
  'stream-done': drawn,
  'stream-one-piece': drawn,
} as const satisfies Partial<Record<Fault, Outcome>>;

/** Those that refuse the method of streams, whose answer comes in one piece then. */
export const STREAMLESS = ['model-gone', 'stream-unknown', 'stream-refused'] as const satisfies Fault[];

/** Those that only a deadline ends. */
export const SLOW = ['slow', 'slow-headers', 'stall-body'] as const satisfies Fault[];
type Slow = (typeof SLOW)[number];
