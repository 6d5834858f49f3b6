/** `node request.ts`: a request of the Open Inference Protocol with one canvas as a PNG file. */
import { pngOf } from './canvases.ts';
import { testCanvases } from './prepare.ts';

const [canvas] = testCanvases();
if (!canvas) throw new Error('there are no canvases');
const data = [pngOf(canvas).toString('base64')];
console.log(JSON.stringify({ inputs: [{ name: 'input', datatype: 'BYTES', shape: [1], data }] }));
