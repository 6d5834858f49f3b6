import { AttributeType, toNumber } from '../proto/types.ts';
import type { AttributeProto, NodeProto } from '../proto/types.ts';

/** Attribute values with the type said, since ONNX tells 1 (int) from 1.0 (float). */
export type AttributeValue = Omit<AttributeProto, 'name'>;
export type Attributes = Record<string, AttributeValue>;

export const float = (f: number): AttributeValue => ({ type: AttributeType.float, f });
export const int = (i: number): AttributeValue => ({ type: AttributeType.int, i });
export const ints = (values: readonly number[]): AttributeValue => ({ type: AttributeType.ints, ints: [...values] });
export const string = (text: string): AttributeValue => ({
  type: AttributeType.string,
  s: new Uint8Array(Buffer.from(text)),
});

export function toProto(attributes: Attributes): AttributeProto[] {
  return Object.entries(attributes).map(([name, value]) => ({ name, ...value }));
}

export function findAttribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute?.find((attribute) => attribute.name === name);
}

export function intAttribute(node: NodeProto, name: string, fallback: number): number {
  const attribute = findAttribute(node, name);
  return attribute ? toNumber(attribute.i) : fallback;
}

export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return findAttribute(node, name)?.f ?? fallback;
}

export function intsAttribute(node: NodeProto, name: string): number[] | undefined {
  return findAttribute(node, name)?.ints?.map(toNumber);
}

export function stringAttribute(node: NodeProto, name: string, fallback: string): string {
  const bytes = findAttribute(node, name)?.s;
  return bytes ? Buffer.from(bytes).toString() : fallback;
}
