export * from '../generated/gala/edge/v1/edge_pb.js';
