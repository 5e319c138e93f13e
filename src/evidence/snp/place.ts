/** Where a field lies, for errors: its name as `report.policy`, and its offset in the outermost input. */
export interface Place {
  readonly path: string;
  readonly offset: number;
}
