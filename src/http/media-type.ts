import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';

/** How a body is to be read. */
export type MediaType = { readonly kind: 'json' } | { readonly kind: 'form'; readonly boundary: string };

/** https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1 */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/;

/** `forms`: whether the path takes a form too. Throws GatewayError: 415 for another type, 400 for a form that cannot be read. */
export function mediaTypeOf(raw: IncomingMessage, forms: boolean): MediaType {
  checkCoding(raw, 'send the JSON as it is');
  const type = raw.headers['content-type'];
  if (type === undefined) return { kind: 'json' };
  const essence = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (forms && essence === 'multipart/form-data') return { kind: 'form', boundary: boundaryOf(type) };
  if (essence !== 'application/json')
    refuse(
      forms
        ? 'This path takes a form or JSON: send it as multipart/form-data (curl -F), or with the header "Content-Type: application/json".'
        : 'This path takes JSON: send the header "Content-Type: application/json" (curl -d alone sends a form).',
    );
  checkParameters(type.split(';').slice(1));
  return { kind: 'json' };
}

/** Throws GatewayError: 415 for a compressed body. `instead`: what to do. */
export function checkCoding({ headers }: IncomingMessage, instead: string): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    refuse(`Compressed bodies are not read: ${instead}, without Content-Encoding.`);
}

function checkParameters(parameters: readonly string[]): void {
  for (const parameter of parameters.map((piece) => piece.trim().toLowerCase())) {
    const charset = /^charset="?([a-z0-9-]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
      refuse('JSON is UTF-8: send no other charset.');
    if (
      charset === undefined &&
      !/^[a-z0-9!#$%&'*+.^_`|~-]+=("[^"]*"|[a-z0-9!#$%&'*+.^_`|~-]*)$/.test(parameter) &&
      parameter !== ''
    )
      refuse('The Content-Type header is malformed: send "application/json".');
  }
}

function boundaryOf(type: string): string {
  const found = [...type.matchAll(/;[ \t]*boundary=(?:"([^"]*)"|([^\s;"]*))[ \t]*(?=;|$)/gi)];
  const boundary = found[0]?.[1] ?? found[0]?.[2];
  if (boundary !== undefined && found.length === 1 && BOUNDARY.test(boundary)) return boundary;
  throw new GatewayError(
    'invalid_request',
    found.length === 0
      ? 'The Content-Type header of a form must name its boundary; leave that header to your HTTP client.'
      : 'The boundary in the Content-Type header must be one, of 1 to 70 characters that RFC 2046 allows.',
    { code: 'invalid_form' },
  );
}

function refuse(message: string): never {
  throw new GatewayError('invalid_request', message, { status: 415, code: 'unsupported_media_type' });
}
