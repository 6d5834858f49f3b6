import { expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dropOldCertificate } from '../../deploy/local/kubernetes.ts';
import { temporaryFolder } from '../support/cli.ts';
import { describeKubernetes, testKubeconfig } from '../support/stack.ts';

describeKubernetes("the API server's own certificate", () => {
  const day = 86_400_000;

  test('goes before it ends, so that the server makes another one, and stays until then', async () => {
    const made = readFileSync(join(dirname(await testKubeconfig()), 'kubernetes', 'certs', 'apiserver.crt'));
    const ends = Date.parse(new X509Certificate(made).validTo);
    const { folder, files } = certificates(made);
    dropOldCertificate(folder, ends - 31 * day);
    expect(files.map((file) => existsSync(file))).toEqual([true, true]);
    dropOldCertificate(folder, ends - 29 * day);
    expect(files.map((file) => existsSync(file))).toEqual([false, false]);
  }, 120_000);

  test('that is half-written goes', () => {
    const { folder, files } = certificates(Buffer.from('-----BEGIN CERT'));
    dropOldCertificate(folder);
    expect(files.map((file) => existsSync(file))).toEqual([false, false]);
  });

  test('that was never made is not missed', () => {
    dropOldCertificate(temporaryFolder('certificates'));
  });
});

function certificates(content: Buffer): { folder: string; files: string[] } {
  const folder = temporaryFolder('certificates');
  mkdirSync(join(folder, 'certs'));
  const files = ['apiserver.crt', 'apiserver.key'].map((name) => join(folder, 'certs', name));
  for (const file of files) writeFileSync(file, content);
  return { folder, files };
}
