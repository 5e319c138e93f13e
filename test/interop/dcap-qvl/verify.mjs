/**
 * @phala/dcap-qvl behind one function. A package of its own, so that what it depends on is no part of Assay: install it
 * with `npm ci --prefix test/interop/dcap-qvl`.
 */
import qvl from '@phala/dcap-qvl';

/** The collateral has a form that its bundles cannot carry: other members, spaces, or an order of its own. */
export class Uncarried extends Error {}

const text = (bytes) => new TextDecoder().decode(bytes);
const hex = (bytes) => Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('');

/** The inner object of a body as served, as it stands, and the signature beside it. */
function cut(bytes, member) {
  const body = text(bytes).trimEnd();
  const [head, tail] = [`{"${member}":`, ',"signature":"'];
  const at = body.lastIndexOf(tail);
  if (!body.startsWith(head) || at < 0 || !body.endsWith('"}')) throw new Uncarried(`not {"${member}":…,"signature":…}`);
  return [body.slice(head.length, at), body.slice(at + tail.length, -2)];
}

/** `files`: of one recorded set, as `[{ name, bytes }]`; names end in those of the corpus. */
export function bundleOf(files) {
  const file = (name) => {
    const found = files.find((one) => one.name === name || one.name.endsWith(`/${name}`));
    if (found === undefined) throw new Uncarried(`no ${name}`);
    return found.bytes;
  };
  const [tcb_info, tcb_info_signature] = cut(file('tcb_info.json'), 'tcbInfo');
  const [qe_identity, qe_identity_signature] = cut(file('qe_identity.json'), 'enclaveIdentity');
  const chain = text(file('tcb_signing_chain.pem'));
  return {
    pck_crl_issuer_chain: '',
    root_ca_crl: hex(file('root_ca_crl.der')),
    pck_crl: hex(file('pck_crl.der')),
    tcb_info_issuer_chain: chain,
    tcb_info,
    tcb_info_signature,
    qe_identity_issuer_chain: chain,
    qe_identity,
    qe_identity_signature,
  };
}

/** Its status and advisories; throws what it throws, or Uncarried. `rootDer`: another root than Intel's. */
export function verify(quoteBytes, files, atMillis, rootDer) {
  return verifyBundle(quoteBytes, bundleOf(files), atMillis, rootDer);
}

/** The same for a bundle that was made before, so that making it is not measured. */
export function verifyBundle(quoteBytes, bundle, atMillis, rootDer) {
  const verifier = new qvl.QuoteVerifier(rootDer === undefined ? undefined : Buffer.from(rootDer));
  const { status, advisory_ids } = verifier.verify(Buffer.from(quoteBytes), bundle, Math.floor(atMillis / 1000));
  return { status, advisories: [...advisory_ids] };
}
