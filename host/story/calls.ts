/** The eight tool calls of the sample agent, what its policy must say to each, and why. */
import type { JsonObject } from '../../src/codec/json.ts';

export interface SampleCall {
  readonly tool: string;
  readonly arguments: JsonObject;
  readonly decision: 'allow' | 'deny' | 'escalate' | 'transform';
}

export const SAMPLE_CALLS: readonly SampleCall[] = [
  { tool: 'search_orders', arguments: { customer: 'c-117' }, decision: 'allow' },
  { tool: 'get_order', arguments: { order: 'A-17' }, decision: 'allow' },
  { tool: 'list_products', arguments: { page: 1 }, decision: 'allow' },
  { tool: 'refund', arguments: { order: 'A-17', amount_cents: 1_999 }, decision: 'allow' },
  { tool: 'refund', arguments: { order: 'A-18', amount_cents: 250_000 }, decision: 'escalate' },
  {
    tool: 'send_email',
    arguments: { to: 'c-117', body: 'Your card 4111 1111 1111 1111 was charged.' },
    decision: 'transform',
  },
  { tool: 'delete_customer', arguments: { customer: 'c-117' }, decision: 'deny' },
  { tool: 'wire_money', arguments: { iban: 'DE00', amount_cents: 1 }, decision: 'deny' },
];
