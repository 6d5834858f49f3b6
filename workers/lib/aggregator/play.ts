/**
 * The clients of one round, as the library of the original plays them (section 6.2 of the SDK reference): all subscribe, each uploads once, in
 * their order, and all receive the same weights.
 */
import type { TensorEntry, TensorFile } from '../../../sdk/tensors/index.ts';
import { AggregatorError, failed, invalid } from './failed.ts';
import { ReplyReader, type Reply } from './reply-reader.ts';
import { AggregatorSocket, type Address } from './socket.ts';
import { uploadPieces } from './upload-text.ts';

export interface Player {
  client: string;
  samples: number;
  file: TensorFile;
}

export interface Game {
  address: Address;
  job: string;
  /** In the order in which they upload. */
  players: Player[];
  /** Of the global model. */
  entries: readonly TensorEntry[];
  /** For all of it. */
  timeoutSeconds: number;
}

/** Rejects with AggregatorError; then the aggregator is in the middle of a round and of no use for another one. */
export async function play({ address, job, players, entries, timeoutSeconds }: Game): Promise<Reply> {
  const clock = new AbortController();
  let doing = `taken a connection on port ${address.port}`;
  const timer = setTimeout(() => clock.abort(), timeoutSeconds * 1000);
  const late = new Promise<never>((_resolve, reject) => {
    clock.signal.addEventListener('abort', () => reject(failed(`it has not ${doing} within ${timeoutSeconds} s`)));
  });
  late.catch(() => undefined);
  const seats: Seat[] = [];
  const game = async (): Promise<Reply> => {
    for (const player of players) {
      const seat = await Seat.take(player, { address, signal: clock.signal, entries, keeps: seats.length === 0 });
      seats.push(seat);
      doing = `welcomed client ${player.client}`;
      await seat.subscribe();
    }
    for (const seat of seats) {
      doing = `read the update of client ${seat.client}`;
      await seat.upload(job, seat === seats.at(-1));
    }
    doing = `answered the ${players.length} updates`;
    return agreed(await Promise.all(seats.map(async (seat) => ({ ...(await seat.reply()), client: seat.client }))));
  };
  try {
    const reply = await Promise.race([game(), late]);
    await Promise.all(seats.map((seat) => seat.leave()));
    return reply;
  } finally {
    clearTimeout(timer);
    clock.abort();
    for (const seat of seats) seat.cutOff();
  }
}

/** One global model is wanted: what each of them was told. */
function agreed(replies: (Reply & { client: string })[]): Reply {
  const [first, ...others] = replies;
  if (first === undefined) throw new Error('a round without clients'); // none closes without an update
  const other = others.find(({ digest }) => digest !== first.digest);
  if (other !== undefined) {
    throw invalid(`client ${other.client} was answered with other weights than client ${first.client}`);
  }
  return { ...first, finished: replies.some(({ finished }) => finished) };
}

interface Place {
  address: Address;
  signal: AbortSignal;
  entries: readonly TensorEntry[];
  keeps: boolean;
}

/** One client at its socket. */
class Seat {
  readonly #player: Player;
  readonly #socket: AggregatorSocket;
  readonly #reader: ReplyReader;

  private constructor(player: Player, socket: AggregatorSocket, reader: ReplyReader) {
    this.#player = player;
    this.#socket = socket;
    this.#reader = reader;
    socket.listen(reader);
  }

  static async take(player: Player, { address, signal, entries, keeps }: Place): Promise<Seat> {
    const socket = await AggregatorSocket.open(address, signal).catch(naming(player));
    return new Seat(player, socket, new ReplyReader(entries, keeps));
  }

  get client(): string {
    return this.#player.client;
  }

  async subscribe(): Promise<void> {
    await this.#said(async () => {
      await this.#socket.sendText([Buffer.from(JSON.stringify({ type: 'subscribe', client_id: this.client }))]);
      await this.#reader.welcomed;
    });
  }

  /**
   * The next one uploads when this update was read: they arrive in their order. The last one asks nothing more: an aggregator that leaves right
   * after its answers would not say, and words that nobody has read may cost what it sent.
   */
  async upload(job: string, isLast: boolean): Promise<void> {
    const { file, samples } = this.#player;
    this.#reader.expect();
    const send = async (): Promise<void> => {
      await this.#socket.sendText(await uploadPieces(file, { client: this.client, samples, job }));
      if (!isLast) await this.#socket.read();
    };
    await this.#said(() => send().catch(this.#unlessReplied));
  }

  reply(): Promise<Reply> {
    return this.#said(() => this.#reader.reply);
  }

  leave(): Promise<void> {
    return this.#socket.close();
  }

  cutOff(): void {
    this.#socket.destroy();
  }

  async #said<T>(act: () => Promise<T>): Promise<T> {
    const wrong = this.#reader.reply.then(() => new Promise<never>(() => undefined));
    const over = this.#socket.over.catch(this.#unlessReplied).then(() => new Promise<never>(() => undefined));
    return Promise.race([act(), wrong, over]).catch(naming(this.#player));
  }

  /** Whoever has answered may leave; a reply that is wrong is the better reason than the end of its connection. */
  readonly #unlessReplied = (error: unknown): Promise<unknown> =>
    Promise.race([this.#reader.reply, Promise.reject(error as Error)]);
}

function naming({ client }: Player): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof AggregatorError)) throw error;
    throw new AggregatorError(error.reason, `to client ${client}: ${error.message}`, { cause: error });
  };
}
