import type { Command } from 'commander';
import { tellEntity, viewEntity } from '../activities/lib/entities.ts';
import type { EntityRef } from '../workflows/lib/ids.ts';
import { verbs, type Verb } from '../workflows/lib/messages.ts';
import { each } from './lib/each.ts';
import { CliError } from './lib/errors.ts';
import { withNamespace, type NamespaceOption } from './lib/options.ts';
import { notFound, referencesOf } from './lib/references.ts';
import { withSession, type Session } from './lib/session.ts';

const descriptions: Record<Exclude<Verb, 'reset'>, string> = {
  trigger: 'start a round now, without waiting for the trigger',
  pause: 'let the running step finish, then wait',
  resume: 'go on after pause or stop',
  stop: 'end after the running stage and stay stopped until resume',
  retry: 'run a failed stage again now',
  approve: 'approve what waits for approval',
  reject: 'reject what waits for approval',
};

/** One sub-command per verb that needs nothing but objects: each says one word to their entities. */
export function register(program: Command): void {
  for (const verb of verbs) {
    if (verb === 'reset') continue;
    withNamespace(program.command(`${verb} <object...>`).description(descriptions[verb])).action(
      async (words: string[], { namespace }: NamespaceOption) => {
        const refs = referencesOf(words, namespace);
        await withSession((session) => each(refs, (ref) => sayVerb(session, ref, verb)));
      },
    );
  }
}

/** Says a verb and that it was said. Throws `Refused` with the entity's reason. */
export async function sayVerb(
  { client }: Pick<Session, 'client'>,
  ref: EntityRef,
  verb: Verb,
  argument: Record<string, unknown> = {},
): Promise<void> {
  const before = await viewEntity(client, ref);
  if (before?.exists !== true || !(await tellEntity(client, ref, verb, { by: 'sedna', ...argument })))
    throw notFound(ref);
  // The query is answered after the signal was handled, so a refusal is known by now.
  const after = await viewEntity(client, ref);
  const refused = after?.status['refused'] as { verb: string; message: string; time: string } | undefined;
  const earlier = before.status['refused'] as { time: string } | undefined;
  if (refused?.verb === verb && refused.time !== earlier?.time) {
    throw new CliError(`${verb} is refused: ${refused.message}`, {
      code: 'Refused',
      hint: `sedna explain ${ref.kind.toLowerCase()}/${ref.name}`,
    });
  }
  console.log(`${ref.kind.toLowerCase()}/${ref.name} ${verb}: said`);
}
