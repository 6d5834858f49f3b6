/** Programs of this package that need no entry in the allowlist of a node. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readyMade } from '../../../activities/edge/lib/ready-made.ts';
import type { ImageEntry } from './images.ts';

/** Image of a front; see `workers/front`. */
export const frontImage = 'sedna/front';
export const frontStage = 'Front';

/** As this module is: TypeScript in the repository, JavaScript in `dist/`. */
const extension = extname(fileURLToPath(import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));

const programs = [...readyMade, { image: frontImage, module: 'workers/front/main' }];

/** An entry of the node's own list wins over these, but for the front. */
export const builtIn: ImageEntry[] = programs.map(({ image, module }) => ({
  image,
  dir: root,
  command: [process.execPath, `${root}${module}${extension}`],
}));
