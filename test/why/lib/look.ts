/** What people see of an object: `kubectl get`, the relevant part of `kubectl describe`, `sedna explain`. */
import { packageRoot } from '../../../deploy/local/files.ts';
import { relevantPart } from './describe.ts';
import { normal } from './normal.ts';
import type { Situation } from './situation.ts';
import type { World } from './world.ts';

const kindOf = ({ kind = 'IncrementalLearningJob' }: Situation): string => kind.toLowerCase();

/** By name of the situation. One call of each command for all: they print one object after the other. */
export async function look(world: World, situations: Situation[]): Promise<Map<string, string>> {
  const refs = situations.map((situation) => `${kindOf(situation)}/${situation.name}`);
  const kinds = [...new Set(situations.map(kindOf))];
  // One that passes by itself is asked for by name: to describe all takes longer than it lasts.
  const only = situations.length === 1 ? situations.map(({ name }) => name) : [];
  const [tables, descriptions, explained] = await Promise.all([
    Promise.all(kinds.map((kind) => world.kubectl('get', kind, ...only))),
    Promise.all(kinds.map((kind) => world.kubectl('describe', kind, ...only))),
    world.sedna('explain', ...refs),
  ]);
  if (explained.code !== 0) throw new Error(`sedna explain: ${explained.stderr}`);
  const rows = tables.join('\n').split('\n');
  const described = descriptions.join('\n\n\n').split(/\n\n\n(?=Name:)/);
  const explanations = explained.stdout.split(/\n(?=[A-Z]\w+ default\/\S+ is )/);
  const folders = { STACK: world.cwd, REPOSITORY: packageRoot() };
  return new Map(
    situations.map((situation, i) => {
      const { name } = situation;
      const table = tables[kinds.indexOf(kindOf(situation))] ?? '';
      const row = rows.find((line) => line.startsWith(`${name} `)) ?? '';
      const description = described.find((text) => new RegExp(`^Name: +${name}\n`).test(text)) ?? '';
      const text = [
        `$ kubectl get ${kindOf(situation)} ${name}\n${table.split('\n')[0]}\n${row}`,
        `$ kubectl describe ${kindOf(situation)} ${name}\n${relevantPart(description)}`,
        `$ sedna explain ${refs[i]}\n${explanations[i]?.trim()}`,
      ].join('\n\n');
      return [name, `${normal(text, folders)}\n`];
    }),
  );
}
