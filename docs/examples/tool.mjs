// A tool server's side: no receipt, no action. Here agent and tool run in one process; the tool believes only what
// it verified itself. Arguments as for agent.mjs.
import { requireDecision } from 'assay/client';
import { args, client, decision, nonce } from './agent.mjs';

const gate = requireDecision({ service: client.service, audience: 'shop.example', level: 0, now: Date.now });
const call = { tool: 'refund', arguments: decision.target ?? args, receipt: decision.receipt, nonce, principal: decision.leaf.principal };

console.log('acts on', await gate.admit(call));
for (const [what, changed] of [['again', call], ['more money', { ...call, arguments: { ...args, amount_cents: 999999 } }]]) {
  await gate.admit(changed).catch((error) => console.log(`${what}: refused, ${error.code}`));
}
