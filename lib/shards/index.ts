export { shardErrors } from './errors.ts';
export { moveShard, type MoveReport, type MoveStep } from './move.ts';
