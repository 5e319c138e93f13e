/** Codes of policies, bundles, orders, principals and their evaluation. */
export const POLICY_CODES = {} as const;
