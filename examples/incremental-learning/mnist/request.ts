/** `node request.ts IMAGE [infer|predict]`: the JSON body that asks the inference worker for a digit, for curl. */
import { pixels, readImage } from './digits.ts';

const [file, kind = 'infer'] = process.argv.slice(2);
if (file === undefined || !['infer', 'predict'].includes(kind)) {
  console.error('usage: node request.ts IMAGE [infer|predict]');
  process.exit(2);
}
const image = Array.from(await readImage(file));
const inputs = [{ name: 'input', datatype: 'FP32', shape: [1, pixels], data: image }];
console.log(JSON.stringify(kind === 'infer' ? { inputs } : { image }));
