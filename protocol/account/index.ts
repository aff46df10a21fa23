export * from '../generated/gala/account/v1/account_pb.js';
