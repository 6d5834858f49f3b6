/** `--set spec.rounds.total=20`, `--set spec.trainingWorkers[0].dataset.name=d`: a value at a path of a manifest. */
import { parse } from 'yaml';
import { badUsage, type CliError } from './errors.ts';

/** Changes `target`. The value is YAML, so that numbers, booleans and lists are written as in a manifest. Missing maps on the way are made. */
export function setPath(target: Record<string, unknown>, assignment: string): void {
  const at = assignment.indexOf('=');
  const path = assignment.slice(0, at).trim();
  if (at < 1 || !/^[A-Za-z_][\w-]*(\.[\w/-]+|\[\d+\])*$/.test(path)) {
    throw refused(
      assignment,
      'write path=value, for example spec.rounds.total=20 or spec.trainingWorkers[0].dataset.name=d',
    );
  }
  const steps = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  if (steps.some((step) => ['__proto__', 'constructor', 'prototype'].includes(step)))
    throw refused(assignment, 'name a field');
  let place: Record<string, unknown> = target;
  for (const step of steps.slice(0, -1)) place = inner(place, step, assignment);
  put(place, steps.at(-1) ?? '', valueOf(assignment, at));
}

function inner(place: Record<string, unknown>, step: string, assignment: string): Record<string, unknown> {
  if (place[step] === undefined) put(place, step, {});
  const found = place[step];
  if (typeof found === 'object' && found !== null) return found as Record<string, unknown>;
  throw refused(assignment, `"${step}" on its way holds ${JSON.stringify(found)}`);
}

function put(place: Record<string, unknown>, step: string, value: unknown): void {
  if (Array.isArray(place) && !(Number(step) < place.length)) {
    throw refused(`[${step}]`, `the list has ${place.length} entries, counted from 0`);
  }
  place[step] = value;
}

function valueOf(assignment: string, at: number): unknown {
  try {
    return parse(assignment.slice(at + 1));
  } catch (error) {
    throw refused(assignment, `the value is no YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

function refused(assignment: string, hint: string): CliError {
  return badUsage(`--set ${assignment}: cannot be set`, hint);
}
