import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary } from '../../../deploy/local/binaries.ts';
import { allocatePorts } from '../../../deploy/local/ports.ts';
import type { ProcessRef } from '../../../workers/lib/process.ts';
import { temporalServer } from '../../../deploy/local/temporal.ts';
import { startServer } from '../../support/test-run.ts';

export interface OwnServer {
  server: ProcessRef;
  /** Of its gRPC port. */
  address: string;
}

/** A Temporal server of its own with dynamic configuration (`key=value`) of its own. Stop it by its process. */
export async function startOwnServer(name: string, config: string[]): Promise<OwnServer> {
  const { grpc = 0, http = 0, ui = 0, metrics = 0 } = await allocatePorts(['grpc', 'http', 'ui', 'metrics']);
  const dir = join(process.env['TEST_RUN_DIR'] ?? '', name);
  mkdirSync(join(dir, 'processes'), { recursive: true });
  const component = temporalServer({
    binary: process.env['TEST_TEMPORAL_CLI'] ?? findBinary('temporal')?.path ?? 'temporal',
    ports: { grpc, http, ui, metrics },
    headless: true,
  });
  const args = config.flatMap((value) => ['--dynamic-config-value', value]);
  const server = await startServer(dir, { ...component, args: [...component.args, ...args] });
  return { server, address: `127.0.0.1:${grpc}` };
}
