export type PictureType = 'png' | 'jpeg' | 'webp' | 'gif' | 'heic' | 'heif' | 'avif';
export interface PictureInfo { readonly type: PictureType; readonly mimeType: string; readonly width: number; readonly height: number; readonly byteLength: number }
