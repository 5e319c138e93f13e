/**
 * client/: how an agent or a tool server talks to an enclave. `connect` verifies before it speaks;
 * `requireDecision` is how a tool refuses to act without a receipt.
 * It must never send a request over a channel that is not bound to accepted evidence.
 */
export { attestEndpoint, type Endpoint } from './attest.ts';
export { type Channel, openChannel } from './channel.ts';
export {
  type AssayClient,
  connect,
  type ConnectOptions,
  type DecideOptions,
  type Decision,
} from './connect.ts';
export { type ClientIdentity, createClientIdentity, loadClientIdentity } from './identity.ts';
export { type Gate, type GateOptions, type PresentedCall, requireDecision } from './gate.ts';
