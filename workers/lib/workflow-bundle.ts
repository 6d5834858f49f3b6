/** The workflow code that GM loads: built with the package, else bundled from the sources, once for equal sources. */
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const kept = 4;

/** Bundling takes seconds of CPU, which a global manager that was killed should not pay when it comes back. */
export async function workflowBundle(): Promise<{ codePath: string } | { code: string }> {
  const built = join(root, 'workflow-bundle.js');
  if (existsSync(built)) return { codePath: built };
  const cache = join(root, 'node_modules', '.cache', 'workflow-bundles');
  const codePath = join(cache, `${sourcesDigest()}.js`);
  if (existsSync(codePath)) return { codePath };
  const workflowsPath = join(root, 'workflows', `index${extname(fileURLToPath(import.meta.url))}`);
  const bundle = await bundleWorkflows(workflowsPath);
  try {
    mkdirSync(cache, { recursive: true });
    const temp = `${codePath}.${process.pid}.tmp`;
    writeFileSync(temp, bundle.code, { flush: true });
    renameSync(temp, codePath);
    prune(cache);
    return { codePath };
  } catch {
    // Nowhere to keep it: it is bundled again next time.
    return bundle;
  }
}

/**
 * Compiled for the engine that runs it. The SDK compiles for ES2017, where each private field and each spread of an object is a call
 * of a helper, several times slower; it has no other way to say so than its webpack configuration.
 *
 * All modules are loaded once and frozen, not once for each workflow in memory: they must hold no state (eslint.config.js sees to it).
 */
export function bundleWorkflows(workflowsPath: string): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath,
    preloadModules: [workflowsPath],
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: (config) => {
      for (const rule of (config.module?.rules ?? []) as Rule[]) {
        const { loader = '', options } = typeof rule.use === 'object' ? rule.use : {};
        if (loader.includes('swc-loader') && options?.jsc !== undefined) options.jsc.target = 'es2022';
      }
      return config;
    },
  });
}

/** What is read of a rule of the SDK's webpack configuration. */
interface Rule {
  use?: { loader?: string; options?: { jsc?: { target?: string } } };
}

/** Of all that a workflow may import, and of what bundles it. */
function sourcesDigest(): string {
  const hash = createHash('sha256');
  const require = createRequire(import.meta.url);
  hash.update(readFileSync(require.resolve('@temporalio/worker/package.json')));
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  for (const path of globSync('{workflows,crds,activities}/**/*.{ts,js}', { cwd: root }).sort()) {
    hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return hash.digest('hex').slice(0, 16);
}

function prune(cache: string): void {
  const age = (path: string): number => statSync(path).mtimeMs;
  const files = globSync('*.js', { cwd: cache }).map((name) => join(cache, name));
  for (const old of files.sort((a, b) => age(b) - age(a)).slice(kept)) rmSync(old, { force: true });
}
