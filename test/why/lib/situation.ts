import type { World } from './world.ts';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
}

/** Something in which an object is stuck, how it comes about, and by what it is known. */
export interface Situation {
  /** Name of the object that is looked at, and of the golden file. */
  name: string;
  /** Default: IncrementalLearningJob. */
  kind?: string;
  /** Names of the catalogue (`docs/errors.md`) that the golden file must show with their paragraph. */
  shows: string[];
  manifests(world: World): Manifest[];
  /** What else happens, once the manifests are applied. */
  then?(world: World): Promise<void> | void;
  /** What its status has when it has come about. */
  until: Record<string, unknown>;
  /** Why it cannot be brought about on this machine. */
  impossible?(world: World): string | undefined;
  /** Passes by itself: looked at as soon as it has come about. */
  fleeting?: boolean;
}
