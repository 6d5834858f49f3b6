import type { Command } from 'commander';
import { stringify } from 'yaml';
import { entityId, type EntityRef } from '../workflows/lib/ids.ts';
import { each } from './lib/each.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { renderTable } from './lib/output.ts';
import { notFound, referencesOf } from './lib/references.ts';
import { withSession, type Session } from './lib/session.ts';
import { withoutManagedFields } from './lib/written.ts';

export function register(program: Command): void {
  withNamespace(program.command('describe <object...>').description('all that is known of objects: KIND/NAME…')).action(
    async (words: string[], { namespace }: NamespaceOption) => {
      const refs = referencesOf(words, namespace);
      await withSession((session) =>
        each(refs, async (ref) => {
          if (ref !== refs[0]) console.log('');
          await describe(session, ref);
        }),
      );
    },
  );
}

async function describe({ objects, client, temporalUi }: Session, ref: EntityRef): Promise<void> {
  const object = await objects.get(ref);
  if (object === undefined) throw notFound(ref);
  console.log(stringify(withoutManagedFields(object), { lineWidth: 0 }).trimEnd());
  const workflow = entityId(ref);
  console.log(`workflow: ${workflow}`);
  if (temporalUi !== undefined) {
    const { namespace } = client.options;
    console.log(`history: ${temporalUi}/namespaces/${namespace}/workflows/${encodeURIComponent(workflow)}`);
  }
  const events = await objects.events(ref);
  if (events.length === 0) return;
  console.log('events:');
  const columns = ['time', 'type', 'reason', 'message'] as const;
  const table = renderTable(
    events,
    columns.map((name) => [name, (event) => event[name]]),
  );
  console.log(table.replace(/^/gm, '  '));
}
