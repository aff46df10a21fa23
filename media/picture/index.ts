export { scaledSize, type PictureSize } from './scaled-size.ts';
