/** Manifests: our validation, `sedna apply`, a real API server, a standalone global manager. */
import { KubeConfig } from '@kubernetes/client-node';
import { mkdtempSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ManifestSyntaxError, parseManifests } from '../../../crds/parse.ts';
import { findKind } from '../../../crds/registry.ts';
import { validateManifest } from '../../../crds/validate.ts';
import type { Manifest } from '../../../crds/lib/kind.ts';
import { StandaloneStore } from '../../../cli/lib/standalone-store.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { runCli, temporaryFolder } from '../../support/cli.ts';
import { testKubeconfig } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';
import { manifestCases, type DocumentInput } from '../lib/documents.ts';
import type { Family, Found, Parser } from '../lib/family.ts';

export function manifests(): Family<DocumentInput> {
  return {
    name: 'manifests',
    cases: manifestCases(),
    parsers: [validation, commandLine(), apiServer(), globalManager()],
    boundMs: 5_000,
    growthMiB: 256,
  };
}

export const validation: Parser<DocumentInput> = {
  name: 'validation',
  judge({ text: content, line, value }) {
    try {
      const documents = line > 0 ? [{ value }] : parseManifests(content);
      for (const document of documents) {
        const verdict = validateManifest(document.value);
        if (!verdict.ok) return { verdict: 'refuse', reason: 'InvalidSpec', ...first(verdict.errors) };
      }
      return { verdict: 'accept' };
    } catch (error) {
      if (!(error instanceof ManifestSyntaxError)) throw error;
      const { line: at, column, message } = error;
      return { verdict: 'refuse', reason: error.name, path: `${at}:${column}`, message };
    }
  },
};

function first(errors: readonly { path: string; message: string }[]): Pick<Found, 'path' | 'message'> {
  return { path: errors[0]?.path, message: errors.map(({ path, message }) => `${path}: ${message}`).join('\n') };
}

/** One run over all files: it must name every problem of each of them. A second one over the good files applies (dry) all. */
function commandLine(): Parser<DocumentInput> {
  const problems = new Map<string, Found>();
  return {
    name: 'sedna apply',
    async open(cases) {
      const files = [...new Set(cases.map(({ input }) => input.file))];
      const cwd = temporaryFolder('corpus-cli');
      // A parser that needs more memory than this ends with an abort, which is no verdict.
      const env = { NODE_OPTIONS: '--max-old-space-size=256' };
      const bad = await runCli(['apply', '--dry-run', '-f', ...files], cwd, env);
      if (bad.code !== 1) throw new Error(`sedna apply: exit ${bad.code}\n${bad.stderr.slice(0, 2_000)}`);
      for (const [place, problem] of problemsOf(bad.stderr)) problems.set(place, problem);
      const refusedFiles = new Set([...problems.keys()].map((place) => place.replace(/:\d+$/, '')));
      const good = files.filter((file) => !refusedFiles.has(file));
      const { code, stdout, stderr } = await runCli(['apply', '--dry-run', '-f', ...good], cwd, env);
      if (code !== 0) throw new Error(`sedna apply of what is valid: exit ${code}\n${stderr}`);
      const applied = stdout.split('\n').filter((line) => line.endsWith('valid (dry run)')).length;
      const wanted = cases.filter(({ input }) => good.includes(input.file)).length;
      if (applied < wanted) throw new Error(`sedna apply judged ${applied} of ${wanted} valid documents`);
    },
    judge: ({ file, line }) => problems.get(line > 0 ? `${file}:${line}` : file) ?? { verdict: 'accept' },
  };
}

/** By `file` and `file:line` from what is printed: a line per document, below it a line per field. */
function problemsOf(output: string): Map<string, Found> {
  const found = new Map<string, Found>();
  let last: Found | undefined;
  for (const line of output.replace(/^error: /, '').split('\n')) {
    if (line.startsWith('  ')) addField(last, line);
    const [, file, at, column, problem] = /^(\/.*?):(\d+):(?:(\d+):)? (.*)$/.exec(line) ?? [];
    if (file === undefined) continue;
    last =
      column === undefined
        ? { verdict: 'refuse', reason: 'InvalidSpec', message: '' }
        : { verdict: 'refuse', reason: 'ManifestSyntaxError', path: `${at}:${column}`, message: problem };
    found.set(`${file}:${at}`, last);
    if (!found.has(file)) found.set(file, last);
  }
  return found;
}

function addField(found: Found | undefined, line: string): void {
  if (found === undefined) return;
  found.path ??= /^ {2}(\S*?): /.exec(line)?.[1] ?? '';
  found.message = `${found.message}${line.trim()}\n`;
}

export function apiServer(): Parser<DocumentInput> {
  const config = new KubeConfig();
  const options: RequestOptions = { method: 'POST', headers: { 'content-type': 'application/yaml' } };
  let agent: Agent | undefined;
  const collection = '/apis/sedna.io/v1alpha1/namespaces/default';
  const plural = ({ value, text: content }: DocumentInput): string | undefined => {
    const kind = value?.['kind'] ?? /kind"?: ?"?(\w+)/.exec(content.toString('latin1'))?.[1];
    return typeof kind === 'string' ? findKind(kind)?.plural : undefined;
  };
  return {
    name: 'kube-apiserver',
    absent: process.env['TEST_NO_KUBERNETES'],
    async open() {
      config.loadFromFile(await testKubeconfig());
      await config.applyToHTTPSOptions(options);
      // One connection for all: else most of the time goes into handshakes.
      options.agent = agent = new Agent({ ...(options.agent as Agent).options, keepAlive: true });
    },
    close: async () => agent?.destroy(),
    speaks: (input) => plural(input) !== undefined,
    async judge(input, found) {
      const query = 'dryRun=All&fieldValidation=Strict';
      const url = `${config.getCurrentCluster()?.server}${collection}/${plural(input)}?${query}`;
      const [status, body] = await new Promise<[number, string]>((resolve, reject) => {
        const call = request(url, options, (answer) => {
          text(answer).then((content) => resolve([answer.statusCode ?? 0, content]), reject);
        });
        call.on('error', reject).end(input.text);
      });
      if (status === 201) return { verdict: 'accept' };
      if (status >= 500 && !/yaml|json|decod/i.test(body))
        throw new Error(`the API server answered ${status}: ${body}`);
      const { message } = JSON.parse(body) as { message: string };
      // CEL rules carry our words; what types and patterns refuse is said in the API server's own.
      const own = validation.judge(input, found) as Found;
      const [ours = ''] = own.message?.split('\n') ?? [];
      const foreign = !message.includes(ours.slice(`${own.path}: `.length));
      // What cannot be decoded at all is refused without a field.
      const placed = status === 422 || message.includes('strict decoding error: unknown field');
      const path = foreign && !placed ? undefined : namedIn(message, own.path);
      return { verdict: 'refuse', path, message, foreign };
    },
  };
}

/** The path, if the message has it; else whatever place it names. */
function namedIn(message: string, path = ''): string | undefined {
  return message.includes(path) ? path : /(?:spec|metadata)[\w.[\]]*/.exec(message)?.[0];
}

/** What got past all others, or was never shown to them: the entity itself says what is wrong. */
function globalManager(): Parser<DocumentInput> {
  let temporal: TestNamespace;
  let store: StandaloneStore;
  let count = 0;
  return {
    name: 'global manager',
    absent: process.env['TEST_NO_TEMPORAL'],
    async open() {
      temporal = await TestNamespace.open();
      await temporal.control();
      const blobs = openBlobStore(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'corpus-blobs-')));
      store = new StandaloneStore(temporal.client, blobs);
    },
    speaks: ({ value }) => isAddressable(value),
    async judge({ value }) {
      const manifest = value as unknown as Manifest;
      // A namespace of its own: the names of the corpus repeat.
      const namespace = `corpus-${(count += 1)}`;
      await store.apply({ ...manifest, metadata: { ...manifest.metadata, namespace } });
      const { status } = await temporal.view(
        { kind: manifest.kind, namespace, name: manifest.metadata.name },
        (view) => {
          if (view.status['observedGeneration'] !== 1) throw new Error('has not been looked at');
        },
      );
      const { reason, message = '' } = (status['waitingFor'] ?? {}) as { reason?: string; message?: string };
      if (reason !== 'InvalidSpec') return { verdict: 'accept' };
      return { verdict: 'refuse', reason, path: /^(\S*?): /.exec(message)?.[1] ?? '', message };
    },
    close: () => temporal.close(),
  };
}

function isAddressable(value: Record<string, unknown> | undefined): boolean {
  const { kind, apiVersion, metadata } = (value ?? {}) as Partial<Manifest>;
  if (typeof kind !== 'string' || findKind(kind)?.kind !== kind || apiVersion !== 'sedna.io/v1alpha1') return false;
  if (metadata === null || typeof metadata !== 'object') return false;
  const head = { apiVersion, kind: 'ReidJob', metadata, spec: { template: {} } };
  const verdict = validateManifest(head);
  return verdict.ok || verdict.errors.every(({ path }) => !path.startsWith('metadata'));
}
