import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Tiers (see CONTRIBUTING): `--project unit` needs nothing but Node, the others start real servers.
export default defineConfig({
  test: {
    testTimeout: 20_000,
    // The default leaves one core free; of two that is half, and most of what the tests do is waiting.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'sandbox/**/*.test.ts',
            'bench/**/*.test.ts',
            'scripts/**/*.test.ts',
            'test/architecture.test.ts',
            'test/chaos/**/*.test.ts',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'model',
          include: ['test/scenarios/**/*.test.ts', 'test/model/**/*.test.ts'],
          testTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 900_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
