export * from '../generated/gala/signal/v1/signal_pb.js';
