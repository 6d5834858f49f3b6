import type { PrinterColumn } from './kind.ts';

export const phase: PrinterColumn = { name: 'Phase', type: 'string', jsonPath: '.status.phase' };
export const stage: PrinterColumn = { name: 'Stage', type: 'string', jsonPath: '.status.stage' };
export const round: PrinterColumn = { name: 'Round', type: 'integer', jsonPath: '.status.round' };
/** Of all: `3/10`. */
export const roundOf: PrinterColumn = { ...round, type: 'string' };
export const ready: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Available")].status',
};
export const reason: PrinterColumn = {
  name: 'Reason',
  type: 'string',
  jsonPath: '.status.waitingFor.reason',
  description: 'What the object waits for.',
};
export const since: PrinterColumn = {
  name: 'Since',
  type: 'date',
  jsonPath: '.status.waitingFor.since',
  description: 'For how long it waits for this.',
};
export const node: PrinterColumn = { name: 'Node', type: 'string', jsonPath: '.status.node', priority: 1 };
export const message: PrinterColumn = {
  name: 'Message',
  type: 'string',
  jsonPath: '.status.waitingFor.message',
  priority: 1,
};
export const cure: PrinterColumn = { name: 'Cure', type: 'string', jsonPath: '.status.waitingFor.cure', priority: 1 };
export const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** Columns of a loop: where it is and what it waits for. */
export const loopColumns = [phase, stage, round, ready, reason, since, node, message, cure, age];
/** Columns of a set of workers. */
export const serviceColumns = [phase, ready, reason, since, node, message, cure, age];
