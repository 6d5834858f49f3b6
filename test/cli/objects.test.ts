import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { connectKube } from '../../activities/control/kube/client.ts';
import { referenceOf, referencesOf, selectionsOf } from '../../cli/lib/references.ts';
import { eventually } from '../support/eventually.ts';
import { runCli, startCli, temporaryFolder } from '../support/cli.ts';
import { describeKubernetes, kubernetesAlone, temporalAddress, turnMs } from '../support/stack.ts';

/** Many starts of the command, on a machine that others use. */
const boundMs = 180_000;

const dataset = (name: string, change: object = {}) => ({
  apiVersion: 'sedna.io/v1alpha1',
  kind: 'Dataset',
  metadata: { name, ...change },
  spec: { url: '/data/index.txt', format: 'txt', nodeName: 'nowhere' },
});

describe('which objects', () => {
  const refs = (...words: string[]) => referencesOf(words, 'ns').map(({ kind, name }) => `${kind} ${name}`);

  test('one kind and names, or each with its kind', () => {
    expect(refs('il', 'a')).toEqual(['IncrementalLearningJob a']);
    expect(refs('il/a', 'dataset/b')).toEqual(['IncrementalLearningJob a', 'Dataset b']);
    expect(refs('il', 'a', 'b')).toEqual(['IncrementalLearningJob a', 'IncrementalLearningJob b']);
    const words = (...given: string[]) =>
      selectionsOf(given).map(({ kinds, name }) => [kinds.map(({ kind }) => kind).join(), name]);
    expect(words('dataset,model')).toEqual([['Dataset,Model', undefined]]);
    expect(words('dataset/a', 'model/b')).toEqual([
      ['Dataset', 'a'],
      ['Model', 'b'],
    ]);
  });

  test.each([['il'], ['il/'], ['il/a/b'], ['il/a', 'b'], ['il', 'dataset/b'], []])(
    '%j %j says what to write',
    (...words) => {
      expect(() => referencesOf(words, 'ns')).toThrow('which object?');
    },
  );

  test('where one is meant, several are refused', () => {
    expect(() => referenceOf(['il/a', 'il/b'], 'ns')).toThrow('which object?');
  });
});

describe('files', () => {
  const folder = temporaryFolder('files');
  const dry = (...args: string[]) => runCli(['apply', '--dry-run', ...args], folder);

  test(
    'that are missing are said to be, and are no invalid manifest',
    async () => {
      const { code, stderr } = await dry('-f', 'missing.yaml');
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('errors.md#fileunreadable') });
    },
    boundMs,
  );

  test(
    'of a folder, by name',
    async () => {
      mkdirSync(join(folder, 'all', 'below'), { recursive: true });
      for (const name of ['b.json', 'a.yaml', 'notes.txt', 'below/c.yaml'])
        writeFileSync(join(folder, 'all', name), JSON.stringify(dataset(name.replace(/\W/g, '-'))));
      const { stdout } = await dry('-f', 'all');
      expect(stdout).toBe('dataset/a-yaml valid (dry run)\ndataset/b-json valid (dry run)\n');
    },
    boundMs,
  );

  test(
    'whose namespace is another than that of -n are refused',
    async () => {
      writeFileSync(join(folder, 'there.json'), JSON.stringify(dataset('d', { namespace: 'there' })));
      expect(await dry('-f', 'there.json')).toMatchObject({ code: 0 });
      expect(await dry('-f', 'there.json', '-n', 'there')).toMatchObject({ code: 0 });
      const { code, stderr } = await dry('-f', 'there.json', '-n', 'default');
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('is there, but -n says default') });
      const deleted = await runCli(['delete', '-f', 'there.json', '-n', 'default'], folder);
      expect(deleted).toMatchObject({ code: 2, stderr: expect.stringContaining('is there, but -n says default') });
    },
    boundMs,
  );

  test(
    'and names exclude each other',
    async () => {
      expect(await runCli(['delete', 'dataset/d', '-f', 'there.json'], folder)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('objects and -f exclude each other'),
      });
    },
    boundMs,
  );
});

describeKubernetes('objects of a real API server', () => {
  const cwd = temporaryFolder('objects');
  let env: NodeJS.ProcessEnv;
  let done: () => void;
  const sedna = (...args: string[]) => runCli(args, cwd, env);
  const write = (name: string, ...objects: object[]): string => {
    const file = join(cwd, name);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    return file;
  };

  beforeAll(async () => {
    const { kubeconfig, release } = await kubernetesAlone();
    done = release;
    env = { TEMPORAL_ADDRESS: temporalAddress(), SEDNA_KUBECONFIG: kubeconfig };
    const { core } = connectKube(kubeconfig);
    await core.createNamespace({ body: { metadata: { name: 'objects' } } });
  }, turnMs);
  afterAll(() => done?.());

  test(
    'what get prints can be applied',
    async () => {
      expect(await sedna('apply', '-n', 'objects', '-f', write('one.json', dataset('one')))).toMatchObject({ code: 0 });
      const { stdout } = await sedna('get', 'dataset/one', '-n', 'objects', '-o', 'yaml');
      expect(parse(stdout)).not.toHaveProperty('metadata.managedFields');
      const file = join(cwd, 'back.yaml');
      writeFileSync(file, stdout);
      expect(await sedna('apply', '-f', file)).toMatchObject({ code: 0, stdout: 'dataset/one unchanged\n' });
      // As kubectl --show-managed-fields prints it.
      writeFileSync(file, stdout.replace('metadata:\n', 'metadata:\n  managedFields: [{ manager: kubectl }]\n'));
      expect(await sedna('apply', '-f', file)).toMatchObject({ code: 0, stdout: 'dataset/one unchanged\n' });
    },
    boundMs,
  );

  test(
    'are got, applied, awaited and deleted while Temporal is away',
    async () => {
      const away = { ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' };
      const without = (...args: string[]) => runCli([...args, '-n', 'objects'], cwd, away);
      const file = write('away.json', dataset('away'));
      expect(await without('apply', '-f', file)).toMatchObject({ code: 0, stdout: 'dataset/away created\n' });
      expect(await without('get', 'dataset', '-o', 'name')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('away'),
      });
      expect(await without('delete', 'dataset/away')).toMatchObject({ code: 0 });
      expect(await without('wait', 'dataset/away', '--for=delete')).toMatchObject({ code: 0 });
      expect(await without('explain', 'dataset/away')).toMatchObject({ code: 4 });
    },
    boundMs,
  );

  test(
    'what one object is refused does not keep the others from being applied',
    async () => {
      const documents = [
        dataset('first', { namespace: 'objects' }),
        dataset('lost', { namespace: 'missing' }),
        dataset('last', { namespace: 'objects' }),
      ];
      const { code, stdout, stderr } = await sedna('apply', '-f', write('three.json', ...documents));
      expect(stdout).toBe('dataset/first created\ndataset/last created\n');
      expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('namespaces "missing" not found') });
      await sedna('delete', 'dataset/first', 'dataset/last', '-n', 'objects');
    },
    boundMs,
  );

  test(
    'a refusal is in the words of the API server',
    async () => {
      const { code, stderr } = await sedna('apply', '-n', 'missing', '-f', write('one.json', dataset('one')));
      expect({ code, stderr }).toEqual({
        code: 3,
        stderr: expect.stringContaining('error: namespaces "missing" not found\n'),
      });
      const long = await sedna(
        'apply',
        '-n',
        'objects',
        '-f',
        write('one.json', dataset('one', { finalizers: ['a b'] })),
      );
      expect(long).toMatchObject({ code: 1, stderr: expect.stringContaining('the API server refuses it') });
      expect(long.stderr).not.toContain('HTTP-Code');
    },
    boundMs,
  );

  test(
    'several are listed, watched and deleted; one that is missing hinders no other',
    async () => {
      const all = write('all.json', dataset('two'), dataset('three'), dataset('a-longer-name'));
      await sedna('apply', '-n', 'objects', '-f', all);
      const { code, stdout, stderr } = await sedna(
        'get',
        'dataset/two',
        'dataset/none',
        'dataset/three',
        '-n',
        'objects',
        '-o',
        'name',
      );
      expect({ code, stdout }).toEqual({ code: 3, stdout: 'dataset/two\ndataset/three\n' });
      expect(stderr).toContain('Dataset objects/none does not exist');

      const watching = startCli(['get', 'dataset', '-n', 'objects', '-w'], cwd, env);
      await eventually(() => expect(watching.output()).toContain('two'), 60_000);
      const edited = dataset('two');
      await sedna(
        'apply',
        '-n',
        'objects',
        '-f',
        write('two.json', { ...edited, spec: { ...edited.spec, nodeName: 'far' } }),
      );
      await eventually(() => expect(watching.output().match(/^two /gm)).toHaveLength(2), 60_000);
      watching.child.kill();
      const [before, after] = watching.output().match(/^two .*$/gm) ?? [];
      expect(after?.match(/^two +/)?.[0]).toBe(before?.match(/^two +/)?.[0]);

      const gone = write('gone.json', dataset('three'), dataset('none'), dataset('two'));
      const deleted = await sedna('delete', '-n', 'objects', '-f', gone);
      expect(deleted).toMatchObject({ code: 3, stdout: 'dataset/two deleted\ndataset/three deleted\n' });
      expect(await sedna('delete', 'dataset/one', 'dataset/a-longer-name', '-n', 'objects')).toMatchObject({ code: 0 });
      expect(await sedna('get', 'dataset', '-n', 'objects')).toEqual({
        code: 0,
        stdout: '',
        stderr: 'No resources found.\n',
      });
    },
    boundMs,
  );

  test(
    'labels choose what is listed and what is deleted',
    async () => {
      const labelled = (name: string, tier: string) => dataset(name, { labels: { app: 'vision', tier } });
      const all = write('labelled.json', labelled('near', 'edge'), labelled('far', 'cloud'), dataset('bare'));
      await sedna('apply', '-n', 'objects', '-f', all);
      const named = async (...args: string[]) => (await sedna('get', ...args, '-n', 'objects', '-o', 'name')).stdout;
      expect(await named('dataset,model', '-l', 'app=vision,tier!=cloud')).toBe('dataset/near\n');
      expect(await named('dataset,model', '-l', '')).toBe(await named('dataset,model'));
      const both = { code: 2, stderr: expect.stringContaining('names and -l exclude each other') };
      expect(await sedna('delete', 'dataset/near', '-l', 'app')).toMatchObject(both);

      expect(await sedna('delete', 'dataset', '-l', 'tier=edge', '-n', 'objects')).toMatchObject({
        code: 0,
        stdout: 'dataset/near deleted\n',
      });
      const rest = await sedna('delete', 'dataset', '--all', '-n', 'objects');
      expect(rest.stdout.split('\n').sort()).toEqual(['', 'dataset/bare deleted', 'dataset/far deleted']);
    },
    boundMs,
  );
});
