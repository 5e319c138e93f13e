/**
 * launch/: starts the programs of one service on this machine: store, simulated hardware with the enclave inside,
 * relay. It must never do their work in its own process: each is killed, restarted and replaced on its own.
 */
export { ORIGIN } from './config.ts';
export { type Emulated, prepareEmulated } from './emulated.ts';
export { type DevHome, devHome } from './home.ts';
export { genesisOrder, type Prepared, prepare, signOrder } from './prepare.ts';
export { type Program, startProgram } from './program.ts';
export {
  type EmulatorProgram,
  launchSystem,
  type System,
  type SystemOptions,
  type SystemPart,
} from './system.ts';
