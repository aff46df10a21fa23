export * from './codec.ts';
export * from './messages.ts';
export * from './signal.ts';
export * from './partitions.ts';
