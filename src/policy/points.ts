/** The eight intervention points of the Agent Control Specification 0.3.1-beta section 4. */

export const INTERVENTION_POINTS = [
  'agent_startup',
  'input',
  'pre_model_call',
  'post_model_call',
  'pre_tool_call',
  'post_tool_call',
  'output',
  'agent_shutdown',
] as const;

export type InterventionPoint = (typeof INTERVENTION_POINTS)[number];

const NAMES: ReadonlySet<string> = new Set(INTERVENTION_POINTS);

export function isInterventionPoint(name: string): name is InterventionPoint {
  return NAMES.has(name);
}

/** Only these two project a tool and may have `tool_name_from`. */
export function isToolPoint(point: InterventionPoint): boolean {
  return point === 'pre_tool_call' || point === 'post_tool_call';
}
