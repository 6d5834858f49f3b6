/**
 * A trainer as the original library makes them, over the wire the same (sections 4.2 and 6.2 of the SDK reference): it connects and
 * subscribes, then trains and uploads, then listens; it never reconnects, and ends with its socket. What it "learns" can be computed
 * by hand: every weight moves half of the way to its target.
 *
 * SHAPES: JSON list of shapes. START, TARGET: numbers. SAMPLES: what it claims. BREAK: JSON map of upload (from 1) to the text that
 * is sent instead of its weights. TRAIN_MS: how long a training takes, in which nothing is heard.
 */
const { env } = process;
const name = env['CLIENT_ID'] ?? env['WORKER_NAME'] ?? '';
const url = `${env['AGG_PROTOCOL'] ?? 'ws'}://${env['AGG_IP']}:${env['AGG_PORT']}/${env['AGGREGATION'] ?? 'FedAvg'}`;
const samples = Number(env['SAMPLES'] ?? '1');
const target = Number(env['TARGET'] ?? '1');
const broken = JSON.parse(env['BREAK'] ?? '{}') as Record<string, string>;
const largestFrame = 16 << 20;

type Nested = number | Nested[];

interface Frame {
  type?: string;
  data?: { round_number: number; total_sample: number; weights: Nested[]; exit_flag: string };
}

const filled = ([size, ...rest]: number[], value: number): Nested =>
  size === undefined ? value : Array.from({ length: size }, () => filled(rest, value));
const moved = (weights: Nested): Nested =>
  Array.isArray(weights) ? weights.map(moved) : Math.fround(weights + (target - weights) / 2);

let weights: Nested[] = (JSON.parse(env['SHAPES'] ?? '[[2,3],[3]]') as number[][]).map((shape) =>
  filled(shape, Math.fround(Number(env['START'] ?? '0'))),
);

/** Frames that were received and not yet asked for: the library's loop is frozen while it trains. */
const frames: Frame[] = [];
let arrived = (): void => undefined;
const socket = new WebSocket(url);
socket.addEventListener('message', ({ data }) => {
  const text = String(data);
  if (text.length > largestFrame) throw new Error(`a frame of ${text.length} bytes: message too big`);
  frames.push(JSON.parse(text) as Frame);
  arrived();
});
socket.addEventListener('close', ({ code, reason }) => {
  console.error(`connection closed: ${code} ${reason}`);
  process.exit(1);
});
socket.addEventListener('error', () => undefined);
await new Promise((opened) => socket.addEventListener('open', opened));

async function receive(): Promise<Frame> {
  for (;;) {
    const frame = frames.shift();
    if (frame !== undefined) return frame;
    await new Promise<void>((resolve) => (arrived = resolve));
  }
}

async function report(status: string, currentRound: number, sampleCount: number): Promise<void> {
  const body = {
    name,
    namespace: env['NAMESPACE'] ?? 'default',
    ownerName: env['JOB_NAME'],
    ownerKind: 'default',
    ownerInfo: { currentRound, sampleCount, startTime: '2026-11-24 10:00:00', updateTime: '2026-11-24 10:00:01' },
    kind: 'train',
    status,
    results: [{ format: 'h5', url: env['MODEL_URL'] ?? '/tmp/model', metrics: null }],
  };
  const response = await fetch(`${env['LC_SERVER']}/sedna/workers/${name}/info`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) console.error(`report: ${response.status} ${await response.text()}`);
}

console.log(`pid ${process.pid} connects`);
socket.send(JSON.stringify({ type: 'subscribe', client_id: name }));
await receive();
for (let round = 1; ; round++) {
  await new Promise((done) => setTimeout(done, Number(env['TRAIN_MS'] ?? '0')));
  weights = weights.map(moved);
  const said = broken[String(round)] ?? JSON.stringify(weights);
  console.log(`uploads ${round}`);
  socket.send(
    `{"type": "update_weight", "client": ${JSON.stringify(name)}, "data": {"num_samples": ${samples}, "weights": ${said}}, ` +
      `"job_name": ${JSON.stringify(env['JOB_NAME'])}}`,
  );
  let frame = await receive();
  while (frame.type !== 'recv_weight' || frame.data === undefined) frame = await receive();
  const { round_number: number, exit_flag: exit, total_sample: total } = frame.data;
  weights = frame.data.weights;
  const [first, last] = [firstOf(weights), firstOf(weights.at(-1) ?? 0)];
  console.log(`receives ${JSON.stringify({ number, exit, total, first, last })}`);
  await report(exit === 'ok' ? 'completed' : 'running', round, total);
  if (exit === 'ok') break;
}
console.log('has ended');
process.exit(0);

function firstOf(nested: Nested): number {
  return Array.isArray(nested) ? firstOf(nested[0] as Nested) : nested;
}
