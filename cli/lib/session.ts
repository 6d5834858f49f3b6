/** What a verb works with: the stack of this directory, or whatever the environment names. */
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readStackState, type StackState } from '../../deploy/local/state.ts';
import { openBlobStore, type BlobStore } from '../../sdk/storage/index.ts';
import { brokenCall, temporalUnreachable } from './broken-call.ts';
import { configured } from '../../workers/lib/config.ts';
import { dataConverter } from '../../workers/lib/payloads.ts';
import { CliError, EXIT } from './errors.ts';
import type { ObjectStore } from './object-store.ts';
import { StandaloneStore } from './standalone-store.ts';

export interface Session {
  mode: 'kubernetes' | 'standalone';
  client: Client;
  objects: ObjectStore;
  temporalUi?: string;
}

const connectMs = 5_000;

/**
 * Environment (`TEMPORAL_ADDRESS`, `SEDNA_BLOB_URL`, `SEDNA_KUBECONFIG`) before the stack of this directory. The ambient kubeconfig
 * is never used. Closes everything when `act` has ended.
 */
export async function withSession<T>(act: (session: Session) => Promise<T>): Promise<T> {
  const { options, namespace, blobUrl, kubeconfig, temporalUi } = settings(process.env);
  const connection = await connect(options);
  try {
    const client = new Client({ connection, namespace, dataConverter });
    const cluster = kubeconfig === undefined ? undefined : await kubeStore(kubeconfig);
    let alone: ObjectStore | undefined;
    return await act({
      mode: cluster === undefined ? 'standalone' : 'kubernetes',
      client,
      // Verbs that only speak to an entity need no blob store.
      get objects() {
        return cluster ?? (alone ??= new StandaloneStore(client, blobStore(blobUrl)));
      },
      ...(temporalUi === undefined ? {} : { temporalUi }),
    });
  } catch (error) {
    throw brokenCall(error, { temporal: options.address, kubeconfig, blobUrl }) ?? error;
  } finally {
    await connection.close();
  }
}

function settings(env: NodeJS.ProcessEnv) {
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

/** As GM and LC: there is no default that could be another store than theirs. Asked for only by verbs that need it. */
function blobStore(url: string | undefined): BlobStore {
  if (url !== undefined && url !== '') return configured('SEDNA_BLOB_URL', () => openBlobStore(url));
  throw new CliError('SEDNA_BLOB_URL is not set: where the global manager and the nodes keep manifests and models', {
    code: 'BadConfig',
    hint: 'export SEDNA_BLOB_URL with the value that sedna gm has, for example file:///var/lib/sedna/blobs',
    exitCode: EXIT.usage,
  });
}

async function kubeStore(kubeconfig: string): Promise<ObjectStore> {
  // Loaded only when needed: it doubles the start of every other verb.
  const [{ connectKube }, { KubeObjectStore }] = await Promise.all([
    import('../../activities/control/kube/client.ts'),
    import('../../workers/kube/object-store.ts'),
  ]);
  return new KubeObjectStore(configured('SEDNA_KUBECONFIG', () => connectKube(kubeconfig)));
}

async function connect(options: Parameters<typeof Connection.connect>[0] & { address: string }): Promise<Connection> {
  try {
    return await Connection.connect({ ...options, connectTimeout: connectMs });
  } catch (error) {
    throw temporalUnreachable(options.address, error);
  }
}
