/**
 * An aggregator as the original library makes them (section 6.2 of the SDK reference), on the WebSocket of another project. It waits for the
 * updates of PARTICIPANTS_COUNT clients, averages them in float64 in the order of their arrival, and sends the mean to everybody.
 *
 * AGGREGATION: its class. exit_round: as in Sedna. ws_size: bytes of a message. BREAK: JSON map of round (its own, from 1) to what it does
 * instead: `die` (before it answers), `silent`, or the text that it sends instead of its weights. BREAK_ONCE: a file; what is broken is so only
 * until that is there. STUBBORN: it does not end when it is asked to.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { WebSocketServer, type WebSocket } from 'ws';

const { env } = process;
const broken = JSON.parse(env['BREAK'] ?? '{}') as Record<string, string>;
const once = env['BREAK_ONCE'];
if (env['STUBBORN'] !== undefined) process.on('SIGTERM', () => console.log('it does not end'));
const [wanted, exitRound] = [Number(env['PARTICIPANTS_COUNT']), Number(env['exit_round'] ?? '1')];

type Nested = number | Nested[];

interface Update {
  num_samples: number;
  weights: Nested[];
}

const clients = new Map<string, { socket: WebSocket; update?: Update | undefined }>();
let round = 0;

const everybody = (message: object): void => {
  const text = JSON.stringify(message);
  for (const { socket } of clients.values()) socket.send(text);
};
const mean = (of: Nested[], shares: number[]): Nested => {
  const [first] = of;
  if (Array.isArray(first))
    return first.map((_, i) =>
      mean(
        of.map((list) => (list as Nested[])[i] as Nested),
        shares,
      ),
    );
  return of.reduce<number>((sum, value, k) => sum + (value as number) * (shares[k] as number), 0);
};

function aggregate(updates: Update[]): void {
  round += 1;
  const total = updates.reduce((sum, { num_samples: samples }) => sum + samples, 0);
  const shares = updates.map(({ num_samples: samples }) => samples / total);
  const breaks = once !== undefined && existsSync(once) ? undefined : broken[String(round)];
  if (breaks !== undefined && once !== undefined) writeFileSync(once, '');
  console.log(`round ${round} of ${updates.length} updates${breaks === undefined ? '' : `: ${breaks}`}`);
  if (breaks === 'silent') return;
  if (breaks === 'die') process.exit(3);
  const weights = mean(
    updates.map((update) => update.weights),
    shares,
  );
  const data = { total_sample: total, round_number: round, weights, exit_flag: round >= exitRound ? 'ok' : 'continue' };
  const text = JSON.stringify({ type: 'recv_weight', round_number: round, data });
  for (const client of clients.values()) {
    client.socket.send(breaks === undefined ? text : text.replace(JSON.stringify(weights), breaks));
    client.update = undefined;
  }
}

const server = new WebSocketServer({
  port: Number(env['AGG_BIND_PORT'] ?? '7363'),
  host: env['AGG_BIND_IP'] ?? '0.0.0.0',
  path: `/${env['AGGREGATION'] ?? 'FedAvg'}`,
  maxPayload: Number(env['ws_size'] ?? 10 << 20),
});
server.on('listening', () => console.log(`pid ${process.pid} waits for ${wanted} clients`));
server.on('connection', (socket) => {
  let name = '';
  socket.on('close', () => clients.delete(name));
  socket.on('error', (error) => console.log(error.message));
  socket.on('message', (bytes) => {
    const message = JSON.parse(String(bytes)) as { type: string; client_id: string; data: Update };
    if (message.type === 'subscribe') {
      name = message.client_id;
      everybody({ type: 'CLIENT_JOIN', data: name });
      clients.set(name, { socket });
      return everybody(message);
    }
    const client = clients.get(name);
    if (client === undefined) return socket.close();
    console.log(`update of ${name}`);
    client.update = message.data;
    // Last in the order of the map, which is that of arrival.
    clients.delete(name);
    clients.set(name, client);
    const updates = [...clients.values()].flatMap(({ update }) => update ?? []);
    if (updates.length === wanted) aggregate(updates);
  });
});
