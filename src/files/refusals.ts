import { GatewayError } from '../errors.ts';

const mebibytes = (bytes: number): string => `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`;

export function fileTooLarge(most: number): GatewayError {
  const message = `A file here has at most ${mebibytes(most)}: what is in a request with it must go up in one piece. Send a smaller one.`;
  return new GatewayError('too_large', message, { param: 'file', code: 'file_too_large' });
}

export function emptyFile(): GatewayError {
  return new GatewayError('invalid_request', 'The file is empty. Send its bytes.', {
    param: 'file',
    code: 'empty_file',
  });
}

/** The tenant's own bounds: an SDK that waited would wait in vain. */
export function tooManyFiles(most: number): GatewayError {
  const message = `This tenant keeps ${most} files, which is the most. Delete those you do not need, or wait until they expire.`;
  return new GatewayError('rate_limited', message, { param: 'file', code: 'too_many_files', retry: false });
}

export function tooManyBytes(most: number): GatewayError {
  const message = `The files of this tenant fill the ${mebibytes(most)} there are for them. Delete those you do not need, or wait until they expire.`;
  return new GatewayError('rate_limited', message, { param: 'file', code: 'no_room_for_files', retry: false });
}

/** What others keep has the room. */
export function noRoom(): GatewayError {
  const message =
    'There is no room for another file now: each is kept until it expires. Send the picture in the request itself, or try again later.';
  return new GatewayError('unavailable', message, { param: 'file', code: 'no_room_for_files', retry: false });
}

export function nameTaken(id: string): GatewayError {
  const message = `There is a file of the name ${id} already. Choose another one, or none, or delete that file.`;
  return new GatewayError('invalid_request', message, {
    status: 409,
    param: 'file.name',
    code: 'name_taken',
    retry: false,
  });
}

export function goneTenant(): GatewayError {
  return new GatewayError(
    'forbidden',
    'The tenant of this key was deleted while its file was sent. Nothing of it is kept.',
    {
      retry: false,
    },
  );
}

/** What an upload is told whose id is none, or has ended: which of them is nobody's business. */
export function unknownUpload(): GatewayError {
  const message = 'There is no such upload: it was not begun here, or has ended. Begin it again.';
  return new GatewayError('forbidden', message, { param: 'upload_id', code: 'invalid_signature' });
}

export function wrongOffset(received: number): GatewayError {
  const message = `X-Goog-Upload-Offset must be ${received}: so many bytes have come. Send what follows them.`;
  return new GatewayError('invalid_request', message, {
    param: 'X-Goog-Upload-Offset',
    code: 'wrong_offset',
    headers: { 'x-goog-upload-size-received': String(received), 'x-goog-upload-status': 'active' },
  });
}

export function wrongLength(expected: number, received: number): GatewayError {
  const message = `The upload was begun as one of ${expected} bytes, and has ${received}. Begin it again.`;
  return new GatewayError('invalid_request', message, { param: 'X-Goog-Upload-Offset', code: 'wrong_length' });
}

export function oddPiece(granularity: number): GatewayError {
  const message = `Every piece but the last must have a multiple of ${granularity} bytes.`;
  return new GatewayError('invalid_request', message, { param: 'X-Goog-Upload-Command', code: 'odd_piece' });
}
