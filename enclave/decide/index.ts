/**
 * decide/: the policies in force, and the path from a request to a logged decision.
 * A decision is evaluated and queued for the log in one turn of the event loop, so that leaves stand in the
 * order in which policies took effect. Any error is a refusal or a deny, never an allow.
 */
export { createDecider, type Decider } from './decide.ts';
export { createPolicies, type Policies } from './policies.ts';
