/** The vendors' replies as far as tests read them. */
export interface ImagesReply {
  readonly created: number;
  readonly data: readonly { readonly b64_json: string; readonly text?: string }[];
  readonly output_format: string;
  readonly size: string;
  readonly quality: string;
  readonly usage: {
    readonly total_tokens: number;
    readonly input_tokens: number;
    readonly output_tokens: number;
  };
}

export interface NativeReply {
  readonly candidates: readonly {
    readonly finishReason?: string;
    readonly content: {
      readonly parts: readonly {
        readonly text?: string;
        readonly inlineData?: { readonly mimeType: string; readonly data: string };
        readonly thoughtSignature?: string;
      }[];
    };
  }[];
  readonly usageMetadata: { readonly totalTokenCount: number };
  readonly modelVersion: string;
}

export interface OpenAIError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export interface GoogleError {
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly status: string;
    readonly details?: readonly unknown[];
  };
}

/** The body of a reply as the dialect's type; the test that reads it is the check. */
export async function bodyOf<T extends ImagesReply | NativeReply | OpenAIError | GoogleError>(
  reply: Response,
): Promise<T> {
  return (await reply.json()) as T;
}
