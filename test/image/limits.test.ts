import { describe, expect, test } from 'vitest';
import { checkParts } from '../../src/image/limits.ts';
import { BUILT_IN_MODELS, findModel } from '../../src/image/model.ts';
import type { ImageRequest, Part, Turn } from '../../src/image/request.ts';

const model = findModel(BUILT_IN_MODELS, 'gemini-3-pro-image')!;
const picture = (mimeType: string): Part => ({
  kind: 'picture',
  data: 'AA',
  mimeType,
  thought: false,
  signature: null,
  more: {},
});
const file = (fields: Record<string, string>): Part => ({ kind: 'other', fields: { fileData: fields } });
const turn = (role: Turn['role'], ...parts: Part[]): Turn => ({ role, parts, more: {} });
const check =
  (turns: Turn[], system: Turn | null = null) =>
  () =>
    checkParts({ turns, system } as unknown as ImageRequest, model);
const refused = (param: string) =>
  expect.objectContaining({ failure: 'unsupported', detail: expect.objectContaining({ param }) as unknown });

describe('what a model can take in', () => {
  test('pictures, documents and whatever is no blob', () => {
    const parts = [
      picture('image/png'),
      picture('application/pdf'),
      file({ fileUri: 'files/1' }),
      file({ mimeType: 'IMAGE/WEBP', fileUri: 'f' }),
    ];
    expect(check([turn('user', ...parts, { kind: 'other', fields: { functionCall: {} } })])).not.toThrow();
  });

  test.each(['video/mp4', 'audio/wav', 'image/gif', 'text/html'])('%s is refused by its place', (mimeType) => {
    const turns = [turn('user', picture('image/png')), turn('user', picture(mimeType))];
    expect(check(turns)).toThrow(refused('contents[1].parts[0].inlineData.mimeType'));
    expect(check([turn('user', file({ mimeType, fileUri: 'x' }))])).toThrow(
      refused('contents[0].parts[0].fileData.mimeType'),
    );
    expect(check([], turn('user', picture(mimeType)))).toThrow(
      refused('systemInstruction.parts[0].inlineData.mimeType'),
    );
    expect(check(turns)).toThrow('image/png, image/jpeg');
  });

  test.each(['https://www.youtube.com/watch?v=x', 'https://youtu.be/x'])('the video at %s is refused', (fileUri) => {
    expect(check([turn('user', file({ fileUri }))])).toThrow(refused('contents[0].parts[0].fileData.fileUri'));
  });

  test('fourteen references are enough; what the model drew itself is not counted', () => {
    const pictures = Array.from({ length: 14 }, () => picture('image/png'));
    const drawn = turn('model', ...pictures);
    expect(check([turn('user', ...pictures), drawn])).not.toThrow();
    expect(
      check([turn('user', ...pictures), drawn, turn('user', file({ mimeType: 'image/png', fileUri: 'f' }))]),
    ).toThrow('at most 14');
  });
});
