import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SimulatedClient } from '../../../sdk/features/federated/simulated-client.ts';
import { badUsage, type CliError } from '../errors.ts';

/** The user's module. It is code of the person who runs the command, on their machine. */
export async function loadClient(module: string): Promise<SimulatedClient> {
  const file = resolve(module);
  const found: unknown = await import(pathToFileURL(file).href).catch((error: unknown) => {
    throw refused(`${file} cannot be loaded: ${(error as Error).message}`);
  });
  const { load, estimator } = found as Partial<SimulatedClient>;
  if (typeof load !== 'function' || typeof estimator !== 'function')
    throw refused(`${file} must export the functions load(url) and estimator()`);
  return {
    load: (url) =>
      load(url).catch((error: unknown) => {
        throw refused(`${file}: load(${JSON.stringify(url)}): ${(error as Error).message}`);
      }),
    estimator,
  };
}

function refused(message: string): CliError {
  const hint = 'examples/federated-learning/mnist/simulated-client.ts shows one';
  return badUsage(`--client: ${message}`, hint);
}
