/** What a verb works with: the stack of this directory, or whatever the environment names. */
import { Client, Connection } from '@temporalio/client';
import { openBlobStore, type BlobStore } from '../../sdk/storage/index.ts';
import { brokenCall, temporalUnreachable } from './broken-call.ts';
import { configured } from '../../workers/lib/config.ts';
import { dataConverter } from '../../workers/lib/payloads.ts';
import { CliError, EXIT } from './errors.ts';
import { kubeStore } from './kube-store.ts';
import type { ObjectStore } from './object-store.ts';
import { settings } from './settings.ts';
import { StandaloneStore } from './standalone-store.ts';

export interface Session {
  mode: 'kubernetes' | 'standalone';
  client: Client;
  objects: ObjectStore;
  temporalUi?: string;
}

const connectMs = 5_000;

/** With Temporal, and with all of it closed when `act` has ended. Verbs that only read and write objects: `withObjects`. */
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

/** As GM and LC: there is no default that could be another store than theirs. Asked for only by verbs that need it. */
function blobStore(url: string | undefined): BlobStore {
  if (url !== undefined && url !== '') return configured('SEDNA_BLOB_URL', () => openBlobStore(url));
  throw new CliError('SEDNA_BLOB_URL is not set: where the global manager and the nodes keep manifests and models', {
    code: 'BadConfig',
    hint: 'export SEDNA_BLOB_URL with the value that sedna gm has, for example file:///var/lib/sedna/blobs',
    exitCode: EXIT.usage,
  });
}

async function connect(options: Parameters<typeof Connection.connect>[0] & { address: string }): Promise<Connection> {
  try {
    return await Connection.connect({ ...options, connectTimeout: connectMs });
  } catch (error) {
    throw temporalUnreachable(options.address, error);
  }
}
