import { describe, expect, test } from '@jest/globals';
import { labelSelector } from '../../../cli/lib/label-selector.ts';

const objects: Record<string, Record<string, string> | undefined> = {
  edge: { app: 'vision', tier: 'edge', 'sedna.io/line': '7' },
  cloud: { app: 'vision', tier: 'cloud' },
  empty: { app: '' },
  plain: undefined,
};

/** The names of the objects above that a selector chooses; as `kubectl get -l` does with them. */
const chosen = (text: string): string[] => Object.keys(objects).filter((name) => labelSelector(text)(objects[name]));

describe('a label selector', () => {
  test.each([
    ['app=vision', ['edge', 'cloud']],
    ['app==vision', ['edge', 'cloud']],
    ['app=vision,tier=edge', ['edge']],
    [' app = vision , tier != edge ', ['cloud']],
    ['app=', ['empty']],
    ['tier!=edge', ['cloud', 'empty', 'plain']],
    ['tier', ['edge', 'cloud']],
    ['!tier', ['empty', 'plain']],
    ['tier in (edge, fog)', ['edge']],
    ['tier notin (edge,fog),app', ['cloud', 'empty']],
    ['sedna.io/line=7', ['edge']],
    ['sedna.io/line in (7),tier in (edge,cloud)', ['edge']],
    ['constructor', []],
  ])('%s', (text, names) => {
    expect(chosen(text)).toEqual(names);
  });

  test.each(['', ',', 'a=b,', '=b', 'a=b=c', 'a in b', 'a in (b', 'a > 1', 'a b', '-a'])(
    '%j is refused with what to write',
    (text) => {
      expect(() => labelSelector(text)).toThrow(`-l ${text} is not understood`);
    },
  );
});
