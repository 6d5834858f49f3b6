import {
  ApiException,
  ApiextensionsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  VersionApi,
} from '@kubernetes/client-node';

/** The API clients that this project uses, all from one kubeconfig. */
export interface Kube {
  config: KubeConfig;
  objects: CustomObjectsApi;
  core: CoreV1Api;
  extensions: ApiextensionsV1Api;
  version: VersionApi;
}

/** `kubeconfig` is a path; 'in-cluster' uses the service account of the pod. Never the ambient configuration of the user. */
export function connectKube(kubeconfig: string): Kube {
  const config = new KubeConfig();
  if (kubeconfig === 'in-cluster') config.loadFromCluster();
  else config.loadFromFile(kubeconfig);
  return {
    config,
    objects: config.makeApiClient(CustomObjectsApi),
    core: config.makeApiClient(CoreV1Api),
    extensions: config.makeApiClient(ApiextensionsV1Api),
    version: config.makeApiClient(VersionApi),
  };
}

export const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
export const serverSideApply = setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply);

/** HTTP status of a refused request, or undefined when the server was not reached. */
export function statusCode(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

/** Whether a 404 is about the kind (its definition is not installed), not about one object: that answer is no JSON. */
export function isUnknownKind(error: unknown): boolean {
  return error instanceof ApiException && String(error.body).includes('page not found');
}
