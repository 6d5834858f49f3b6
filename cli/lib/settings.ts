import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readStackState, type StackState } from '../../deploy/local/state.ts';
import { CliError, EXIT } from './errors.ts';

/**
 * What the command line works with: environment (`TEMPORAL_ADDRESS`, `SEDNA_BLOB_URL`, `SEDNA_KUBECONFIG`) before the stack of this
 * directory. The ambient kubeconfig is never used.
 */
export function settings(env: NodeJS.ProcessEnv) {
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  // Set but empty is not set.
  const named = connectionOptions.address || undefined;
  const found = readStackState(process.cwd());
  // A Temporal server that the environment names may be another installation: then nothing of this directory's stack applies.
  const stack = named === undefined || named === found?.temporal.address ? found : undefined;
  const address = named ?? stack?.temporal.address;
  if (address === undefined) {
    const hint = 'sedna up starts one; or set TEMPORAL_ADDRESS';
    throw new CliError('no stack in this directory', { code: 'NoStack', hint, exitCode: EXIT.unreachable });
  }
  return { options: { ...connectionOptions, address }, namespace, ...places(env, stack) };
}

function places(env: NodeJS.ProcessEnv, stack: StackState | undefined) {
  return {
    blobUrl: env['SEDNA_BLOB_URL'] || stack?.blobUrl,
    kubeconfig: env['SEDNA_KUBECONFIG'] || (stack?.mode === 'kubernetes' ? stack.kubeconfig : undefined),
    temporalUi: stack?.temporal.ui,
  };
}
