import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary } from '../../../deploy/local/binaries.ts';
import { allocatePorts } from '../../../deploy/local/ports.ts';
import type { ProcessRef } from '../../../workers/lib/process.ts';
import { temporalServer } from '../../../deploy/local/temporal.ts';
import { startServer } from '../../support/test-run.ts';

/** Events after which the server suggests continue-as-new; 4,096 elsewhere. */
const suggestAfter = 60;

/** A server of its own that suggests continue-as-new so early that every entity does it all the time. Stop it by its process. */
export async function startShortHistoryServer(): Promise<{ server: ProcessRef; address: string }> {
  const { grpc = 0, http = 0, ui = 0, metrics = 0 } = await allocatePorts(['grpc', 'http', 'ui', 'metrics']);
  const dir = join(process.env['TEST_RUN_DIR'] ?? '', 'short-histories');
  mkdirSync(join(dir, 'processes'), { recursive: true });
  const component = temporalServer({
    binary: process.env['TEST_TEMPORAL_CLI'] ?? findBinary('temporal')?.path ?? 'temporal',
    ports: { grpc, http, ui, metrics },
    headless: true,
  });
  const args = ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${suggestAfter}`];
  const server = await startServer(dir, { ...component, args: [...component.args, ...args] });
  return { server, address: `127.0.0.1:${grpc}` };
}
