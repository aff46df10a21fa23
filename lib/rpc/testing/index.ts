export { MemoryCoord } from './memory-coord.ts';
