import { endRun } from './test-run.ts';

export default async function globalTeardown(): Promise<void> {
  if (process.env.TEST_RUN_DIR) await endRun(process.env.TEST_RUN_DIR);
}
