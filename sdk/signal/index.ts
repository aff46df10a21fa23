export { openRoomSignals } from './room-signals.ts';
export * from './types.ts';
