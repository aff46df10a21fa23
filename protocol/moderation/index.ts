export * from '../generated/gala/interaction/v1/moderation_pb.js';
