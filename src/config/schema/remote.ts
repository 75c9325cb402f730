import { Type } from 'typebox';
import { bytes, integer, list, MINUTE_MS, section, text } from './terms.ts';

export const remoteImages = section('Pictures that requests name by an https address instead of sending them.', {
  enabled: Type.Boolean({ default: false, description: 'Whether they are fetched; else they are refused.' }),
  hosts: list(
    text(
      '^(\\*\\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$',
      'must be a host name in lower case such as images.example.com, or *.example.com',
      'A host; *. before it: all below it.',
    ),
    'The only hosts they are fetched from; none: every public one.',
    { default: [] },
  ),
  bytes: bytes(20 << 20, 'The largest that is fetched.'),
  timeoutMs: integer(100, MINUTE_MS, 'How long one may take. In milliseconds.', { default: 10_000 }),
});
