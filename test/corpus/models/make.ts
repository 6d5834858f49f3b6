/** Writes the files of this folder: `node test/corpus/models/make.ts`. They are kept because a corpus must not change with its maker. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder } from '../../../sdk/estimators/onnx/graph/builder.ts';
import { encodeModel } from '../../../sdk/estimators/onnx/proto/codec.ts';
import { ONNX_SCHEMA } from '../../../sdk/estimators/onnx/proto/schema.ts';
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
} from '../../../sdk/estimators/onnx/proto/types.ts';
import protobuf from 'protobufjs';

const good = new GraphBuilder().input([4]).dense(3).relu().dense(2).toBytes();
const schema = ONNX_SCHEMA.replace(
  'optional int32 data_location = 14;',
  'repeated StringStringEntryProto external_data = 13; $&',
);
const Model = protobuf.parse(schema, { keepCase: false }).root.lookupType('onnx.ModelProto');

const write = (name: string, bytes: Uint8Array | string): void =>
  writeFileSync(join(import.meta.dirname, 'files', name), bytes);
/** The good model, changed; nothing of ours judges what is written. */
function changed(name: string, change: (graph: GraphProto, model: ModelProto) => void): void {
  const model = Model.decode(good) as unknown as ModelProto;
  change(model.graph, model);
  write(name, Model.encode(model).finish());
}
const weight = (graph: GraphProto): TensorProto => graph.initializer[0] as TensorProto;
const node = (opType: string, input: string[], output: string[], attribute: AttributeProto[] = []): NodeProto => ({
  opType,
  input,
  output,
  attribute,
});

write('good.onnx', good);
write('empty.onnx', '');
write('half.onnx', good.subarray(0, good.length >> 1));
write('one-byte-short.onnx', good.subarray(0, -1));
write('zeros.onnx', new Uint8Array(64));
write('page.onnx', '<!DOCTYPE html>\n<html><body>404</body></html>\n');
write(
  'pickle.onnx',
  Buffer.from('80049527000000000000008c05706f736978948c0673797374656d9493948c026c7394859452942e', 'hex'),
);
write('archive.onnx', Buffer.from('504b0506000000000000000000000000000000000000', 'hex'));
write('image.onnx', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'));
write('text.onnx', 'onnx\n');
write('length-of-2-to-63.onnx', Buffer.from('3affffffffffffffff7f00', 'hex'));
// graph in attribute in node in graph …, 3000 times.
let nested: Uint8Array = new Uint8Array();
const wrap = (tag: number[], bytes: Uint8Array): Uint8Array => {
  const length = protobuf.Writer.create().uint32(bytes.length).finish();
  return Buffer.concat([Buffer.from(tag), length, bytes]);
};
for (let i = 0; i < 3000; i++) nested = wrap([0x0a], wrap([0x2a], wrap([0x32], nested)));
write('deep.onnx', wrap([0x3a], nested));

changed('no-nodes.onnx', (graph) => void (graph.node = []));
changed('no-outputs.onnx', (graph) => void (graph.output = []));
changed('opset-unknown.onnx', (_graph, model) => void (model.opsetImport = [{ domain: '', version: 9999 }]));
changed('opset-zero.onnx', (_graph, model) => void (model.opsetImport = [{ domain: '', version: 0 }]));
changed('operator-unknown.onnx', (graph) => void ((graph.node[0] as NodeProto).opType = 'Shell'));
changed('domain-unknown.onnx', (graph) => void ((graph.node[0] as NodeProto).domain = 'evil.example'));
changed('cycle.onnx', (graph) => {
  const [first, , last] = graph.node as [NodeProto, NodeProto, NodeProto];
  first.input[0] = last.output[0] ?? '';
});
changed('cycle-of-one.onnx', (graph) => void graph.node.push(node('Relu', ['loop'], ['loop'])));
changed('input-missing.onnx', (graph) => void ((graph.node[0] as NodeProto).input[0] = 'nowhere'));
changed('output-missing.onnx', (graph) => void (graph.output = [{ name: 'nowhere' }]));
changed('output-twice.onnx', (graph) => void graph.node.push({ ...(graph.node[0] as NodeProto) }));
changed('weight-short.onnx', (graph) => void (weight(graph).rawData = weight(graph).rawData?.subarray(0, 5)));
changed('weight-long.onnx', (graph) => void (weight(graph).rawData = new Uint8Array(4096)));
changed('weight-none.onnx', (graph) => void (weight(graph).rawData = new Uint8Array()));
changed('dims-negative.onnx', (graph) => void (weight(graph).dims = [-4, 3]));
changed('dims-huge.onnx', (graph) => void (weight(graph).dims = [2 ** 31, 2 ** 31]));
changed('dims-overflow.onnx', (graph) => void (weight(graph).dims = [2 ** 32, 2 ** 32]));
changed('type-unknown.onnx', (graph) => void (weight(graph).dataType = 77));
const outside = (tensor: TensorProto, location: string): void => {
  Object.assign(tensor, { dataLocation: 1, rawData: undefined, externalData: [{ key: 'location', value: location }] });
};
changed('external-parent.onnx', (graph) => outside(weight(graph), '../../../../etc/passwd'));
changed('external-absolute.onnx', (graph) => outside(weight(graph), '/etc/passwd'));
changed('external-beside.onnx', (graph) => outside(weight(graph), 'good.onnx'));
changed('external-in-attribute.onnx', (graph) => {
  const t = { ...weight(graph), name: 'constant' };
  outside(t, '/etc/passwd');
  graph.node.push(node('Constant', [], ['c'], [{ name: 'value', type: 4, t }]));
});
changed('external-in-subgraph.onnx', (graph) => {
  const t = { ...weight(graph), name: 'constant' };
  outside(t, '/etc/passwd');
  const inner = { name: 'inner', node: [], initializer: [t], input: [], output: [{ name: 'constant' }] };
  graph.node.push(node('If', ['input'], ['c'], [{ name: 'then_branch', type: 5, g: inner }]));
});
changed('constant-of-10-gb.onnx', (graph) => {
  const dims = { name: 'dims', dims: [1], dataType: 7, int64Data: [2_600_000_000] };
  graph.initializer.push(dims);
  graph.node.push(node('ConstantOfShape', ['dims'], ['big']), node('ReduceSum', ['big'], ['c']));
  graph.output.push({ name: 'c' });
});
changed('loop-without-end.onnx', (graph) => {
  const body = { name: 'body', node: [], initializer: [], input: [], output: [] };
  graph.node.push(node('Loop', ['', ''], [], [{ name: 'body', type: 5, g: body }]));
});
// What is valid stays so, however strange.
changed('name-with-escape.onnx', (graph) => void (graph.name = '\u001b[2J'));
changed('unused-weight.onnx', (graph) => void graph.initializer.push({ ...weight(graph), name: 'unused' }));
write('good-again.onnx', encodeModel(Model.decode(good) as unknown as ModelProto));
