import { splice } from './json.ts';
import type { Spliced } from './json.ts';
import { writeEvent } from './sse.ts';
import type { Newline, WrittenEvent } from './sse.ts';

/** How an answer that comes bit by bit is written down. */
export interface Framing {
  readonly contentType: string;
  /** Before the first event. */
  readonly opening: string;
  /** `index` counts from 0. */
  write(event: WrittenEvent, index: number): Spliced;
  /** Says nothing, to be sent between two events, so that nobody on the way takes the connection for dead. */
  readonly silence: string;
  /** After the last event. */
  readonly closing: string;
}

/** Server-sent events with line feeds or as Google sends them, or one JSON array with the data of each event for an element. */
export type FramingName = 'lf' | 'crlf' | 'array';

export const FRAMINGS = {
  lf: events('\n'),
  crlf: events('\r\n'),
  // https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent without `alt=sse`
  array: {
    contentType: 'application/json; charset=utf-8',
    opening: '[',
    write: ({ data }, index) => {
      const { chunks, byteLength } = splice(data);
      const before = Buffer.from(index === 0 ? '' : ',\r\n');
      return { chunks: [before, ...chunks, Buffer.from('\n')], byteLength: byteLength + before.length + 1 };
    },
    silence: '\n',
    closing: ']',
  },
} as const satisfies Record<FramingName, Framing>;

function events(newline: Newline): Framing {
  return {
    contentType: 'text/event-stream; charset=utf-8',
    opening: '',
    write: (event) => writeEvent(event, newline),
    silence: `: still drawing${newline}${newline}`,
    closing: '',
  };
}
