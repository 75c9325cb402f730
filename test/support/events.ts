/** One server-sent event as it was framed. */
export interface HeardEvent {
  readonly name: string | null;
  readonly data: Heard;
}

/** What tests read of the data of an event, of whatever dialect. */
export interface Heard {
  readonly type?: string;
  readonly b64_json?: string;
  readonly partial_image_index?: number;
  readonly output_format?: string;
  readonly size?: string;
  readonly usage?: { readonly total_tokens: number; readonly cost?: number };
  readonly error?: { readonly code: string | number | null; readonly message: string };
  readonly promptFeedback?: { readonly blockReason: string };
  readonly usageMetadata?: { readonly totalTokenCount: number };
  readonly candidates?: readonly {
    readonly finishReason?: string;
    readonly content?: {
      readonly parts?: readonly {
        readonly text?: string;
        readonly thought?: boolean;
        readonly thoughtSignature?: string;
        readonly inlineData?: { readonly mimeType: string; readonly data: string };
      }[];
    };
  }[];
}

/** Throws at whatever is no event and no comment. */
export function eventsIn(text: string, newline = '\n'): readonly HeardEvent[] {
  const blocks = text.split(newline + newline);
  if (blocks.pop() !== '') throw new Error('the stream ends within an event');
  return blocks.flatMap((block) => {
    const lines = block.split(newline);
    if (lines.every((line) => line.startsWith(':'))) return [];
    const [, named, data] = /^(?:event: (\S+)\r?\n)?data: (.*)$/s.exec(block) ?? [];
    if (data === undefined) throw new Error(`no event: ${block.slice(0, 200)}`);
    return [{ name: named ?? null, data: JSON.parse(data) as Heard }];
  });
}
