import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Component } from './component.ts';
import type { NodeSpec } from './state.ts';

/** The command line's entry point: TypeScript in a clone, JavaScript in the installed package. */
export function mainScript(): string {
  return fileURLToPath(new URL(`../../cli/main${extname(fileURLToPath(import.meta.url))}`, import.meta.url));
}

export interface SednaSettings {
  temporalAddress: string;
  blobUrl: string;
  /** Absent in standalone mode. */
  kubeconfig?: string | undefined;
  /** Absolute paths of `--images` files. */
  images: string[];
}

export function globalManager(port: number, settings: SednaSettings): Component {
  const env = common(settings);
  if (settings.kubeconfig) env.SEDNA_KUBECONFIG = settings.kubeconfig;
  return sedna('gm', ['gm'], port, env);
}

export function localController(
  node: NodeSpec,
  port: number,
  settings: SednaSettings & { stateDir: string },
): Component {
  const env = { ...common(settings), SEDNA_STATE_DIR: settings.stateDir };
  if (settings.images.length > 0) {
    // The digest is read by nobody: with it a controller whose lists were edited differs from what runs, and is started anew.
    const digest = digestOf(settings.images);
    Object.assign(env, { SEDNA_IMAGES: settings.images.join(delimiter), SEDNA_IMAGES_DIGEST: digest });
  }
  return sedna(`lc/${node.name}`, ['lc', '--node', node.name, '--role', node.role], port, env);
}

function digestOf(files: string[]): string {
  const hash = createHash('sha256');
  for (const file of files) {
    // Between check and use it may have gone: then the controller says so.
    const content = existsSync(file) ? readFileSync(file) : '';
    hash.update(`${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

function common(settings: SednaSettings): Record<string, string> {
  return {
    TEMPORAL_ADDRESS: settings.temporalAddress,
    TEMPORAL_NAMESPACE: 'default',
    SEDNA_BLOB_URL: settings.blobUrl,
  };
}

function sedna(name: string, verb: string[], port: number, env: Record<string, string>): Component {
  return {
    name,
    command: process.execPath,
    args: [mainScript(), ...verb, '--port', `${port}`],
    env,
    port,
    ready: { url: `http://127.0.0.1:${port}/readyz` },
  };
}
