import { defineConfig } from 'vitest/config';

// Fast suites run everywhere. `test/slow` is for .ci/run: it starts whole systems and kills them.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: process.env['ASSAY_SLOW'] === '1' ? ['**/node_modules/**'] : ['**/node_modules/**', 'test/slow/**'],
    reporters: process.env['ASSAY_SUMMARY'] === undefined ? ['default'] : ['default', './test/support/summary.ts'],
    setupFiles: ['test/support/matchers.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
