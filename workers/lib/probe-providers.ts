import { listExecutionProviders } from '../../sdk/estimators/onnx/index.ts';

process.stdout.write(`${JSON.stringify(await listExecutionProviders())}\n`);
