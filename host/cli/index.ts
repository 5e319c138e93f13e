/**
 * cli/: the commands of `assay`: each a function of its arguments and an `Io`, returning an exit status.
 * It must never decide what is trusted (the verifier does), print a secret, or write anything when input is bad.
 */
export { type Command, COMMANDS } from './commands.ts';
export { EXIT, exitStatus, printable, reportError } from './errors.ts';
export { type Io, processIo } from './io.ts';
export { helpText, main } from './main.ts';
