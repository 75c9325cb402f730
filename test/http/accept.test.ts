import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/errors.ts';
import { pictureWish } from '../../src/http/accept.ts';

describe('what an Accept header asks for', () => {
  test.each([
    [undefined],
    [''],
    ['*/*'],
    ['application/json'],
    ['application/json, image/png'],
    ['image/png;q=0.5, application/json;q=0.9'],
    ['application/json, text/plain, */*'],
    ['text/html'],
    ['image/png;q=0'],
    ['image/png;q=banana'],
    ['video/image/png'],
  ])('%s: JSON', (accept) => {
    expect(pictureWish(accept)).toBeNull();
  });

  test.each([
    ['image/png', 'png'],
    ['IMAGE/PNG', 'png'],
    ['image/jpeg', 'jpeg'],
    ['image/jpg', 'jpeg'],
    ['image/webp', 'webp'],
    ['image/*', null],
    ['image/*, */*;q=0.1', null],
    ['image/avif, image/webp, image/*;q=0.8', 'webp'],
    ['image/webp;q=0.4, image/jpeg;q=0.8', 'jpeg'],
    ['image/png, application/json;q=0.5', 'png'],
    ['image/png; q=0.9, application/json; q=0.8', 'png'],
    [' image/png ; level=1 ; q=1.0 ', 'png'],
  ])('%s: the bytes, as %s', (accept, format) => {
    expect(pictureWish(accept)).toEqual({ format });
  });

  test.each(['image/svg+xml', 'image/avif', 'image/', 'image/png2', 'image/gif, image/tiff'])(
    '%s: a 406 that says what can be had',
    (accept) => {
      const refused = (): unknown => pictureWish(accept);
      expect(refused).toThrow(GatewayError);
      expect(refused).toThrow(/image\/png, image\/jpeg, image\/webp, or image\/\*/);
      expect(refused).toThrow(expect.objectContaining({ status: 406 }));
    },
  );
});
