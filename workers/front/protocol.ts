/** What a local controller and a front tell each other: a file one way, a few numbers over HTTP the other. No imports: a front starts fast. */

export interface Replica {
  name: string;
  /** Port on this node by name of the front's port. */
  ports: Record<string, number>;
}

/** Content of the file; complete, replaced as a whole. */
export interface ReplicaList {
  /** Grows with every change. */
  version: number;
  replicas: Replica[];
}

export const replicaFile = 'replicas.json';

/** Answer of `GET /stats` on the control port. */
export interface FrontStats {
  /** Of the list that is acted on. */
  version: number;
  /** Requests that wait for an answer, by replica: also of those that are in the list no more. */
  inFlight: Record<string, number>;
  /** Since the front started. */
  requests: number;
  /** Answered by the front itself, because no replica could. */
  refused: number;
}

/** Environment of a front. */
export const frontVariables = {
  directory: 'SEDNA_FRONT_DIR',
  host: 'SEDNA_FRONT_HOST',
  /** JSON: name → port; the one of `http` is served at request level, all others are forwarded byte by byte. */
  ports: 'SEDNA_FRONT_PORTS',
  /** Name of the port that is served at request level; absent: none. */
  http: 'SEDNA_FRONT_HTTP',
  /** How long a replica may say nothing before it answers; absent: as the front thinks fit. */
  silentSeconds: 'SEDNA_FRONT_SILENT_SECONDS',
} as const;

/** Name of the port on which a front answers its local controller. */
export const controlPort = 'sedna-control';
