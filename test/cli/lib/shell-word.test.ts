import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { shellWord } from '../../../cli/lib/shell-word.ts';

test.each(['/tmp/plain-1.yaml', '/tmp/my dir/ü', 'it\'s $HOME `id` \\ "x"', '', '~', 'a\nb', '*'])(
  'a shell reads %j as it was',
  (text) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(text)}`]).toString()).toBe(text);
  },
);

test('what needs no quotes has none', () => {
  expect(shellWord('/home/a/.sedna/kubeconfig')).toBe('/home/a/.sedna/kubeconfig');
});
