/** What became of one call upstream. */
export type UpstreamOutcome =
  | 'ok'
  | 'no_image'
  | 'safety'
  | 'http_4xx'
  | 'http_429'
  | 'http_5xx'
  | 'cancelled'
  | 'timeout'
  | 'reset'
  | 'truncated'
  | 'parse'
  | 'too_large'
  | 'bad_picture'
  | 'not_sent';
