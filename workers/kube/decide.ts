/** What one object asks of its entity, from the object alone. Pure: level-triggered, so missing or repeating an event is harmless. */
import { finalizer } from '../../activities/control/kube/objects.ts';
import { newVerbs, verbValues } from '../../workflows/lib/verbs.ts';

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    generation?: number;
    resourceVersion?: string;
    deletionTimestamp?: string;
    finalizers?: string[];
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
  };
  spec?: unknown;
  status?: { observedGeneration?: number; handledVerbs?: Record<string, string> };
}

export type Decision = 'apply' | 'remove' | 'ensure' | 'ignore';

/**
 * | object                                             | decision                                        |
 * | being deleted, our finalizer present               | remove                                          |
 * | being deleted, our finalizer absent                | ignore: nothing of ours is left                 |
 * | newer than what was observed, or a new verb        | apply                                           |
 * | otherwise                                          | ensure that its entity knows it; no event in its history    |
 */
export function decide({ metadata, status }: KubeObject): Decision {
  if (metadata.deletionTimestamp !== undefined) {
    return metadata.finalizers?.includes(finalizer) === true ? 'remove' : 'ignore';
  }
  if ((metadata.generation ?? 1) > (status?.observedGeneration ?? 0)) return 'apply';
  return newVerbs(verbValues(metadata.annotations), status?.handledVerbs ?? {}).length > 0 ? 'apply' : 'ensure';
}
