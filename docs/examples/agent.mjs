// An agent's side: verify the enclave, ask for a decision, hand its receipt to a tool.
// node_modules/.bin/node docs/examples/agent.mjs assay://127.0.0.1:7470 var/trust.json var/client.key
import { readFileSync } from 'node:fs';
import { connect, loadClientIdentity } from 'assay/client';
import { parseTrustPolicy } from 'assay/verifier';

const [url, trustFile, keyFile] = process.argv.slice(2);
const client = await connect(url, {
  trust: parseTrustPolicy(readFileSync(trustFile)),
  identity: loadClientIdentity(keyFile, { create: true }),
});
const args = { order: 'A-17', amount_cents: 1999 };
const nonce = crypto.getRandomValues(new Uint8Array(16)); // or one that the tool gave out
const decision = await client.decide({
  interventionPoint: 'pre_tool_call',
  snapshot: { tool_call: { name: 'refund', args } },
  audience: 'shop.example',
  nonce,
});
console.log(decision.decision, decision.rule, `leaf ${decision.leaf.index}`);
client.close();
export { args, client, decision, nonce };
