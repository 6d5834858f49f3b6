/** Images of ours that every process runtime has without an entry in its allowlist, by the module of the SDK that is their program. */
export const readyMade = [
  { image: 'sedna/joint-inference*', module: 'sdk/ready-made/joint-inference' },
  { image: 'sedna/big-model*', module: 'sdk/ready-made/big-model' },
] as const;

/** What a ready-made worker listens on where its template names no port. */
export const readyMadePorts = [
  { name: 'http', containerPort: 5000 },
  { name: 'grpc', containerPort: 5001 },
];

/** Says that the worker can serve. */
export const readyMadeProbe = '/v2/health/ready';

export function isReadyMade(image: string): boolean {
  return readyMade.some((entry) => image.startsWith(entry.image.slice(0, -1)));
}
