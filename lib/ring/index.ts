export { ringFirst, ringOrder } from './ring.ts';
