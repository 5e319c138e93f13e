/**
 * A vitest reporter that keeps the counts of each run under ASSAY_SUMMARY, and, started as a program, adds them
 * up into one closing line. It fails when a run had a failure, or when nothing ran at all.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const folder = process.env['ASSAY_SUMMARY'];
    if (folder === undefined) return;
    const counts: Counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      if (tests.length === 0 && module.state() === 'failed') counts.failed++;
      for (const test of tests) {
        const { state } = test.result();
        if (state === 'passed' || state === 'failed') counts[state]++;
        else counts.skipped++;
      }
    }
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${process.hrtime.bigint()}.json`), JSON.stringify(counts));
  }
}

if (process.argv[1] === import.meta.filename) {
  const folder = process.env['ASSAY_SUMMARY'] ?? 'build/summary';
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const name of readdirSync(folder)) {
    const counts = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Counts;
    for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key];
  }
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}
