/** `npm run build`: dist/ = JavaScript and types of everything that ships, and the workflow bundle that GM loads at once. */
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = import.meta.dirname;
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

const workflowsPath = join(dist, 'workflows', 'index.js');
const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
writeFileSync(join(dist, 'workflow-bundle.js'), code);
console.log(`dist/ is built; the workflow bundle has ${Math.round(code.length / 1024)} KiB`);
