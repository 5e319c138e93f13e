/**
 * story/: the main job, told with real output: verify, decide, gate, audit, and then attack it as root of the
 * machine would. Every step compares what happened with what must happen.
 * It must never print a result that it did not get from the running system.
 */
export { runStory, type StoryOptions } from './story.ts';
