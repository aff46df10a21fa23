export * from '../generated/gala/trace/v1/trace_pb.js';
