export * from '../generated/gala/room/v1/reader_pb.js';
