export type Tier = '512' | '1K' | '2K' | '4K';
export type AspectRatio = '1:1' | '1:4' | '4:1' | '1:8' | '8:1' | '2:3' | '3:2' | '3:4' | '4:3' | '4:5' | '5:4' | '9:16' | '16:9' | '21:9';
export type Quality = 'low' | 'medium' | 'high';
export interface Pixels { readonly width: number; readonly height: number }
