/**
 * native/: what a process needs from its operating system: crypto, sockets, devices, locked memory.
 * No policy and no parsing of what passes through; it imports src/ only. What is missing is NATIVE_MISSING, never
 * replaced by something weaker.
 */
export { addonCandidates, findAddon, loadAddon, loadAddonFrom } from './binding.ts';
export {
  type AgreementKey,
  deriveSigner,
  generateAgreementKey,
  generateRecipientKey,
  generateSigner,
  hkdf,
  hmacSha256,
  nodeCrypto,
  openAesGcm,
  type RecipientKey,
  sealAesGcm,
  signerFromSeed,
} from './crypto.ts';
export { requireSecureHeap, type SecureHeap, secureHeap } from './memory.ts';
export { type NsmDevice, openNsm } from './nsm.ts';
export {
  type Address,
  CID_ANY,
  connect,
  type ConnectOptions,
  listen,
  type Listener,
  type ListenOptions,
  type OnConnection,
  type Peer,
  PORT_ANY,
  type StreamOptions,
  type UnixAddress,
  type VsockAddress,
} from './transport.ts';
export { ALPN, peerSpkiHash, sessionExporter } from './session.ts';
export { transportError } from './transport-error.ts';
