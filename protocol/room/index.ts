export * from '../generated/gala/room/v1/room_pb.js';
export * from './changes.ts';
