/** What must not compile: a client or a tool gate that leaves a security expectation out (design section 3, rule 3). */
import { connect, type Gate, requireDecision } from '../../host/client/index.ts';
import type { TrustPolicy, VerifiedService } from '../../verifier/index.ts';

declare const trust: TrustPolicy;
declare const service: VerifiedService;
declare const gate: Gate;

export async function calls(): Promise<void> {
  await connect('unix:/run/assay', { trust });
  // @ts-expect-error no options, so no trust policy
  await connect('unix:/run/assay');
  // @ts-expect-error no trust policy
  await connect('unix:/run/assay', {});
  // @ts-expect-error undefined is no trust policy
  await connect('unix:/run/assay', { trust: undefined });
  // @ts-expect-error nothing stands for any trust
  await connect('unix:/run/assay', { trust: 'any' });

  const now = (): number => 0;
  requireDecision({ service, audience: 'shop', level: 0, now });
  // @ts-expect-error no service
  requireDecision({ audience: 'shop', level: 0, now });
  // @ts-expect-error no audience
  requireDecision({ service, level: 0, now });
  // @ts-expect-error no level
  requireDecision({ service, audience: 'shop', now });
  // @ts-expect-error no clock
  requireDecision({ service, audience: 'shop', level: 0 });

  // @ts-expect-error no caller
  await gate.admit({ tool: 'x', arguments: null, receipt: null as never, nonce: new Uint8Array(16) });
}
