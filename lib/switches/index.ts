export { Switches, type SwitchTable, type SwitchView } from './switches.ts';
