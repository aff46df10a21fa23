export * from '../generated/gala/scheduler/v1/scheduler_pb.js';
