import { unsupportedField } from '../image/fields.ts';
import type { AskedShape, Delivery, Masked } from '../image/request.ts';

// A mask of OpenAI's (https://platform.openai.com/docs/guides/image-generation#edit-an-image-using-a-mask), which Gemini has not.

/** What the model is told of a mask, which it knows nothing of. What it does elsewhere all the same is cut off afterwards. */
export const MASKED =
  'The last picture is a mask for the first one. Edit the first picture only where the mask is transparent, and leave ' +
  'everything else exactly as it is: the same framing, the same place, the same scale.';

/** A masked edit has the pixels of its picture: a size says no more than how finely it is drawn. */
export function laidInto(
  masked: Masked,
  shape: AskedShape,
  delivery: Delivery,
): { readonly shape: AskedShape; readonly delivery: Delivery } {
  if (shape.ratio !== null)
    throw unsupportedField(
      shape.named.ratio,
      'a masked edit keeps the shape of its picture. Leave it out.',
      'unsupported_value',
    );
  if (delivery.exact !== null)
    throw unsupportedField('fit', 'a masked edit has the pixels of its picture. Leave it out.', 'unsupported_value');
  const sized = shape.pixels === null ? [] : [`With a mask ${shape.named.ratio} chooses only how finely it is drawn.`];
  return {
    shape: { ...shape, keepsInput: true },
    delivery: { ...delivery, masked, warnings: [...delivery.warnings, ...sized] },
  };
}
