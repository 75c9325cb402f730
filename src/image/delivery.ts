import { GatewayError } from '../errors.ts';
import type { ImageRequest, PictureFormat } from './request.ts';

/** How a caller wants its picture beside what the body says of it. */
export interface PictureWish {
  /** null: as the body says, else as the vendor sent it (`Accept: image/*`). */
  readonly format: PictureFormat | null;
}

/** Who wants drafts wants the vendor's thoughts, for they are among them. Throws where both are asked for and only one of them. */
export function withDrafts(request: ImageRequest): ImageRequest {
  const { thinking, delivery } = request;
  if ((delivery.stream?.drafts ?? 0) === 0 || thinking?.includeThoughts === true) return request;
  if (thinking?.includeThoughts === false)
    throw new GatewayError(
      'invalid_request',
      'Drafts are among the thoughts of the model, and thinking_config leaves those out: ask for no drafts, or leave include_thoughts out.',
      { param: 'thinking_config.include_thoughts', code: 'unsupported_value' },
    );
  return { ...request, thinking: { ...thinking, includeThoughts: true } };
}

/** The same request, whose answer says that much more. */
export function withWarnings(request: ImageRequest, warnings: readonly string[]): ImageRequest {
  const { delivery } = request;
  return { ...request, delivery: { ...delivery, warnings: [...delivery.warnings, ...warnings] } };
}

/** The format to deliver, null for the vendor's own bytes. Throws where body and wish contradict each other. */
export function formatOf(
  { count, delivery }: ImageRequest,
  wish: PictureWish | null,
  byDefault: PictureFormat | null,
): PictureFormat | null {
  if (wish !== null && count > 1)
    throw new GatewayError(
      'invalid_request',
      `Accept: image/* returns one picture: n must be 1 with it, is ${count}.`,
      { param: 'n', code: 'unsupported_value' },
    );
  if (wish !== null && delivery.stream !== null)
    throw new GatewayError(
      'invalid_request',
      'stream asks for events and the Accept header for the bare picture: ask for one of them.',
      { param: 'stream', code: 'unsupported_value' },
    );
  if (wish !== null && delivery.link === 'asked')
    throw new GatewayError(
      'invalid_request',
      'response_format asks for a link and the Accept header for the picture itself: ask for one of them.',
      { param: 'response_format', code: 'unsupported_value' },
    );
  if (wish?.format != null && delivery.format !== null && delivery.format !== wish.format)
    throw new GatewayError(
      'invalid_request',
      `output_format asks for ${delivery.format} and the Accept header for ${wish.format}: ask for one of them.`,
      {
        param: 'output_format',
        code: 'unsupported_value',
      },
    );
  return wish?.format ?? delivery.format ?? byDefault;
}
