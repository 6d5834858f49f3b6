/**
 * What a message takes once it is decoded, found without decoding it. The limit of a message's bytes does not bound that: two of them may become an
 * object, one a whole number of 64 bits, and bytes that repeat come compressed a thousandfold.
 */
import protobuf from 'protobufjs';
import { InferenceError } from '../errors.ts';

export interface DecodedLimits {
  /** Of memory for elements that repeat. */
  bytes: number;
  /** Elements that one message may have of a field with this name. */
  elements: Readonly<Record<string, number>>;
}

/** Measured with Node.js 24, rounded up. */
const OBJECT_BYTES = 192;
const VIEW_BYTES = 120;
const LONG_BYTES = 64;
const VARINT_BYTES = 10;
const FIXED_BYTES = 8;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
/** By type of a field: its type on the wire where it may be packed, where it is of 64 bits, where it is no message. */
const {
  packed: PACKABLE,
  long: LONG,
  basic: WIRE_TYPES,
}: Record<'packed' | 'long' | 'basic', WireTypes> = protobuf.types;
type WireTypes = Readonly<Record<string, number | undefined>>;

/** Throws an `InferenceError` that names the field where the message has more than the limits allow, and one where it is no such message. */
export function checkDecodedSize(type: protobuf.Type, message: Uint8Array, limits: DecodedLimits): void {
  try {
    const reader = protobuf.Reader.create(message);
    new Walk(reader, limits).message(type, reader.len);
  } catch (error) {
    if (error instanceof InferenceError) throw error;
    throw new InferenceError(400, `the message is no ${type.name}: ${(error as Error).message}`, { cause: error });
  }
}

/** Goes through a message as the decoder does, so that both see the same fields. */
class Walk {
  readonly #reader: protobuf.Reader;
  readonly #limits: DecodedLimits;
  #bytes = 0;

  constructor(reader: protobuf.Reader, limits: DecodedLimits) {
    this.#reader = reader;
    this.#limits = limits;
  }

  message(type: protobuf.Type, end: number): void {
    const counts = new Map<string, number>();
    while (this.#reader.pos < end) {
      const tag = this.#reader.tag();
      const field = type.fieldsById[tag >>> 3]?.resolve();
      const elements = this.#skip(field, tag);
      if (!field || !(field.repeated || field.map)) continue;
      const count = (counts.get(field.name) ?? 0) + elements;
      counts.set(field.name, count);
      this.#check(field, elements, count);
    }
  }

  /** Moves behind what a tag announces; gives how many elements of the field that is. */
  #skip(field: protobuf.Field | undefined, tag: number): number {
    const wireType = tag & 7;
    if (field && wireType === LENGTH_DELIMITED) {
      if (!field.map && field.resolvedType instanceof protobuf.Type) {
        this.message(field.resolvedType, this.#end());
        return 1;
      }
      const packed = field.repeated ? PACKABLE[field.type] : undefined;
      if (packed !== undefined) return this.#packed(packed);
    }
    // Of another type than the field's: the decoder skips it as well.
    this.#reader.skipType(wireType, 0, tag >>> 3);
    return 1;
  }

  #packed(wireType: number): number {
    const { buf } = this.#reader;
    const end = this.#end();
    const start = this.#reader.pos;
    this.#reader.pos = end;
    if (wireType !== VARINT) return (end - start) / (wireType === FIXED64 ? 8 : 4);
    let count = 0;
    for (let at = start; at < end; at++) if ((buf[at] as number) < 128) count++;
    return count;
  }

  #end(): number {
    const size = this.#reader.size();
    const end = this.#reader.pos + size;
    if (end > this.#reader.len) throw new RangeError('it is cut off');
    return end;
  }

  #check(field: protobuf.Field, added: number, count: number): void {
    const most = this.#limits.elements[field.name] ?? Infinity;
    if (count > most) throw new InferenceError(400, `more than ${most} elements of ${field.name}`);
    this.#bytes += added * bytesOf(field);
    if (this.#bytes <= this.#limits.bytes) return;
    const problem = `elements of ${field.name} would take more than ${this.#limits.bytes} bytes of memory; send raw_input_contents`;
    throw new InferenceError(413, problem, { reason: 'REJECTED' });
  }
}

function bytesOf({ type, map }: protobuf.Field): number {
  if (map || WIRE_TYPES[type] === undefined) return OBJECT_BYTES;
  if (PACKABLE[type] === undefined) return VIEW_BYTES;
  if (LONG[type] !== undefined) return LONG_BYTES;
  return WIRE_TYPES[type] === VARINT ? VARINT_BYTES : FIXED_BYTES;
}
