import { Type } from 'typebox';
import type { Static } from 'typebox';
import { integer, list, object, text } from './terms.ts';

/** What is over this is no limit. */
const MOST = 1_000_000;

export const limits = object(
  {
    requestsPerMinute: Type.Optional(integer(1, MOST, 'Requests a minute, hits included.')),
    imagesPerMinute: Type.Optional(integer(1, MOST, 'Pictures drawn a minute; hits are free.')),
    concurrentImages: Type.Optional(integer(1, MOST, 'Pictures being drawn at one time.')),
    mode: Type.Enum(['enforce', 'shadow', 'off'], {
      default: 'enforce',
      description: 'shadow: counted in the metrics, and let pass.',
    }),
  },
  { description: 'What it may ask for in a time; absent: as much as it likes.' },
);

export type LimitsFile = Static<typeof limits>;

export const trustProxy = list(
  text(
    '^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$',
    'must be an IP address, or a range of them such as 10.0.0.0/8',
    'An IP address, or a range of them in CIDR notation.',
  ),
  'The proxies whose X-Forwarded-For is believed.',
  { default: [] },
);
