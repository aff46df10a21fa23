export * from '../generated/gala/room/v1/catalog_pb.js';
export * from '../generated/gala/room/v1/programme_pb.js';
