/** The only place that starts, signals and asks entities from outside a workflow. */
import { WorkflowNotFoundError, type Client, type WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { controlQueue, entityId, entitySummary, workflowType, type EntityRef } from '../../workflows/lib/ids.ts';
import {
  absentPhase,
  detailsQuery,
  searchAttributes,
  statusQuery,
  subscribersQuery,
  type EntityView,
} from '../../workflows/lib/messages.ts';

const keyword = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');
const attributes = {
  kind: keyword(searchAttributes.kind),
  namespace: keyword(searchAttributes.namespace),
  name: keyword(searchAttributes.name),
  phase: keyword(searchAttributes.phase),
};

function startOptions(ref: EntityRef) {
  return {
    workflowId: entityId(ref),
    taskQueue: controlQueue,
    staticSummary: entitySummary(ref),
    args: [{ ref }],
    typedSearchAttributes: [
      { key: attributes.kind, value: ref.kind },
      ...(ref.namespace === '' ? [] : [{ key: attributes.namespace, value: ref.namespace }]),
      { key: attributes.name, value: ref.name },
    ],
  };
}

/** Signals an entity, starting it if it is not there: safe to repeat, whatever the order of things. */
export async function signalEntity(client: Client, ref: EntityRef, signal: string, argument: unknown): Promise<void> {
  await client.workflow.signalWithStart(workflowType(ref.kind), {
    ...startOptions(ref),
    signal,
    signalArgs: [argument],
  });
}

/** Whether it runs and has an object. Adds no event to its history, and needs no global manager. */
export async function isApplied(client: Client, ref: EntityRef): Promise<boolean> {
  try {
    const { status, typedSearchAttributes } = await client.workflow.getHandle(entityId(ref)).describe();
    const phase = typedSearchAttributes.get(attributes.phase);
    return status.name === 'RUNNING' && phase !== undefined && phase !== absentPhase;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Signals an entity that runs; false when there is none. */
export async function tellEntity(client: Client, ref: EntityRef, signal: string, argument: unknown): Promise<boolean> {
  try {
    await client.workflow.getHandle(entityId(ref)).signal(signal, argument);
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Its status, or undefined when it does not run. */
export function viewEntity(client: Client, ref: EntityRef): Promise<EntityView | undefined> {
  return ask(client, ref, statusQuery);
}

/** What its kind tells beyond the status; undefined when it does not run. */
export function askDetails(client: Client, ref: EntityRef): Promise<unknown> {
  return ask(client, ref, detailsQuery);
}

/** Which entities follow it; none when it does not run. */
export async function subscribersOf(client: Client, ref: EntityRef): Promise<EntityRef[]> {
  return (await ask<EntityRef[]>(client, ref, subscribersQuery)) ?? [];
}

/** The answer to a query, or undefined when it does not run. */
async function ask<T>(client: Client, ref: EntityRef, query: string): Promise<T | undefined> {
  try {
    const handle = client.workflow.getHandle(entityId(ref));
    const { status } = await handle.describe();
    return status.name === 'RUNNING' ? await handle.query<T>(query) : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Whether a global manager answers for an entity within `boundMs`. True where there is no entity to ask for. */
export async function managerAnswers(client: Client, ref: EntityRef, boundMs = 3_000): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(entityId(ref));
    await client.withDeadline(Date.now() + boundMs, () => handle.query<EntityView>(statusQuery));
    return true;
  } catch (error) {
    return error instanceof WorkflowNotFoundError;
  }
}

/** Running entities of a kind (of all namespaces, or of one). Eventually consistent, as every list of Temporal's. */
export async function listEntities(client: Client, kind?: string, namespace?: string): Promise<EntityRef[]> {
  const clauses = ['ExecutionStatus = "Running"'];
  clauses.push(kind === undefined ? `${searchAttributes.kind} IS NOT NULL` : `${searchAttributes.kind} = "${kind}"`);
  if (namespace !== undefined) clauses.push(`${searchAttributes.namespace} = "${namespace}"`);
  const found: EntityRef[] = [];
  for await (const execution of client.workflow.list({ query: clauses.join(' AND ') })) {
    const ref = refOf(execution);
    if (ref !== undefined) found.push(ref);
  }
  return found.sort((a, b) => entityId(a).localeCompare(entityId(b)));
}

/** What a listed workflow is the entity of; undefined for a run of one. */
export function refOf({ typedSearchAttributes: of }: WorkflowExecutionInfo): EntityRef | undefined {
  const [kind, name] = [of.get(attributes.kind), of.get(attributes.name)];
  return kind === undefined || name === undefined
    ? undefined
    : { kind, namespace: of.get(attributes.namespace) ?? '', name };
}
