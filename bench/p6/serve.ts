/** The SDK's inference server in a process of its own: argument `OPTIONS` (JSON, of the model). Says {"port": N}; ends with its standard input. */
import { openFileModel, serve, type FileModelOptions } from '../../sdk/index.ts';

const options = JSON.parse(process.argv[2] ?? '') as FileModelOptions;
const { ports } = await serve({ models: [await openFileModel(options)], predict: {} });
console.log(JSON.stringify({ port: ports.http }));
process.stdin.resume().once('end', () => process.exit(0));
