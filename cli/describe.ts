import type { Command } from 'commander';
import { stringify } from 'yaml';
import { entityId } from '../workflows/lib/ids.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { renderTable } from './lib/output.ts';
import { notFound, referenceOf } from './lib/references.ts';
import { withSession } from './lib/session.ts';

export function register(program: Command): void {
  withNamespace(
    program.command('describe <object...>').description('all that is known of one object: KIND/NAME'),
  ).action(async (words: string[], { namespace }: NamespaceOption) => {
    const ref = referenceOf(words, namespace);
    await withSession(async ({ objects, client, temporalUi }) => {
      const object = await objects.get(ref);
      if (object === undefined) throw notFound(ref);
      const { managedFields: _managed, ...metadata } = object.metadata;
      console.log(stringify({ ...object, metadata }, { lineWidth: 0 }).trimEnd());
      console.log(`workflow: ${entityId(ref)}`);
      if (temporalUi !== undefined)
        console.log(
          `history: ${temporalUi}/namespaces/${client.options.namespace}/workflows/${encodeURIComponent(entityId(ref))}`,
        );
      const events = await objects.events(ref);
      if (events.length === 0) return;
      console.log('events:');
      const columns = ['time', 'type', 'reason', 'message'] as const;
      console.log(
        renderTable(
          events,
          columns.map((name) => [name, (event) => event[name]]),
        ).replace(/^/gm, '  '),
      );
    });
  });
}
