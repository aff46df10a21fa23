export * from '../generated/gala/room/v1/catalog_pb.js';
