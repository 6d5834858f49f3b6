/** Whether the model of each set takes what the one below it is given: a hard example goes from one to the other as it is. Pure. */
import type { ModelVerdict } from '../../../activities/contracts.ts';
import type { Problem } from '../failures.ts';
import { currentModel } from '../versions.ts';
import { nodeProblem } from '../../node.ts';
import { checkSlot, verdictKey } from '../worker-set/operations.ts';
import { above, below, fieldsOf, nameOf, setOf } from './chain.ts';
import { assess, type RoleSituation } from './situation.ts';
import type { Role, ServiceView } from './state.ts';

type Inputs = NonNullable<ModelVerdict['inputs']>;
type Shape = Inputs[number]['shape'];

/** Where the model of a role was judged, with the template that it was judged for. */
export function verdictKeyOf(view: ServiceView, role: Role, { node, model }: RoleSituation): string {
  return verdictKey(node, currentModel(model), fieldsOf(view, role).templateDigest);
}

/** With one of its neighbours, the one above it first. */
export function pairProblem(view: ServiceView, role: Role): Problem | undefined {
  return misfit(view, role, above(view, role)) ?? misfit(view, below(view, role), role);
}

/** Undefined also where it cannot be told: a worker of somebody's own, a model that is no ONNX file, one that is not judged yet. */
function misfit(view: ServiceView, lower: Role | undefined, upper: Role | undefined): Problem | undefined {
  if (lower === undefined || upper === undefined) return undefined;
  const [little, big] = [judged(view, lower), judged(view, upper)];
  if (little === undefined || big === undefined) return undefined;
  const difference = differenceOf(little.inputs, big.inputs, little.isImage || big.isImage);
  if (difference === undefined) return undefined;
  const [one, other] = [lower, upper].map((role) => `Model ${fieldsOf(view, role).model} of the ${nameOf(role)}`);
  return { reason: 'ModelMisfit', message: `${one} and ${other} do not take the same inputs: ${difference}` };
}

/**
 * A model that is new serves before those below ask it. Else a worker waits for the verdicts on the models of its neighbours, and for
 * models that fit.
 */
export function mayJoin(view: ServiceView, role: Role): boolean {
  const isNew = setOf(view.own, role).revision === 0;
  const [upper, lower] = [above(view, role), isNew ? undefined : below(view, role)];
  if ([upper, lower].some((other) => other !== undefined && isAwaited(view, role, other))) return false;
  return (misfit(view, role, upper) ?? misfit(view, lower, role)) === undefined;
}

/** The model of a neighbour is being judged. Where its node is away, or cannot say, nobody waits for that. */
function isAwaited(view: ServiceView, role: Role, other: Role): boolean {
  if (setOf(view.own, role).verdict?.inputs === undefined) return false;
  const { situation } = assess(view, other);
  if (situation === undefined || nodeProblem(view, situation.node) !== undefined) return false;
  if (view.operations.problem(checkSlot(other)) !== undefined) return false;
  return setOf(view.own, other).verdict?.key !== verdictKeyOf(view, other, situation);
}

function judged(view: ServiceView, role: Role): { inputs: Inputs; isImage: boolean } | undefined {
  const { verdict } = setOf(view.own, role);
  const { situation } = assess(view, role);
  if (verdict?.inputs === undefined || situation === undefined) return undefined;
  if (verdict.key !== verdictKeyOf(view, role, situation)) return undefined;
  return { inputs: verdict.inputs, isImage: situation.model.signature?.preprocess !== undefined };
}

/** `namesOnly`: an image file goes to both, and each brings it to its own size. */
export function differenceOf(little: Inputs, big: Inputs, namesOnly: boolean): string | undefined {
  for (const { name, datatype, shape } of little) {
    const other = big.find((input) => input.name === name);
    if (other === undefined) return `"${name}" is none of ${namesOf(big)}`;
    if (namesOnly) continue;
    if (other.datatype !== datatype) return `"${name}" is ${datatype} and ${other.datatype}`;
    if (!isCompatible(shape, other.shape)) return `"${name}" is [${shape.join(', ')}] and [${other.shape.join(', ')}]`;
  }
  const more = big.find(({ name }) => !little.some((input) => input.name === name));
  return more === undefined ? undefined : `"${more.name}" is none of ${namesOf(little)}`;
}

/** Names and negative numbers stand for any size. */
function isCompatible(one: Shape, other: Shape): boolean {
  const isOpen = (size: Shape[number] | undefined): boolean => typeof size !== 'number' || size < 0;
  return (
    one.length === other.length &&
    one.every((size, axis) => isOpen(size) || isOpen(other[axis]) || size === other[axis])
  );
}

function namesOf(inputs: Inputs): string {
  return inputs.map(({ name }) => `"${name}"`).join(', ');
}
