/** The SDK's inference server in a process of its own: arguments `MODEL THREADS`. Says {"port": N}; ends with its standard input. */
import type { AddressInfo } from 'node:net';
import { OnnxModel } from '../../sdk/estimators/onnx/index.ts';
import { createInferenceServer, ModelSlot } from '../../sdk/serving/index.ts';

const [file = '', threads = ''] = process.argv.slice(2);
const slot = new ModelSlot('bench');
slot.swap(await OnnxModel.open(file, { threads: Number(threads) }), '1');
const server = createInferenceServer({ models: [slot] });
await server.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ port: (server.server.address() as AddressInfo).port }));
process.stdin.resume().once('end', () => process.exit(0));
