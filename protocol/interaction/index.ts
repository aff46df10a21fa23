export * from '../generated/gala/interaction/v1/interaction_pb.js';
