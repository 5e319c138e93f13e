/** Attacks on the stored log; each must be found by an auditor who has nothing but a copy of it. */
import type { Scene } from './story.ts';

export async function attackLog(_scene: Scene, _folder: string): Promise<void> {}
