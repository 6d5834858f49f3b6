/** Whether the big model takes what the little one is given: a hard example goes from one to the other as it is. Pure. */
import type { ModelVerdict } from '../../../activities/contracts.ts';
import type { Problem } from '../failures.ts';
import { currentModel } from '../incremental/situation.ts';
import { nodeProblem } from '../../node.ts';
import { checkSlot, verdictKey } from '../worker-set/operations.ts';
import { assess, type RoleSituation } from './situation.ts';
import type { Role, ServiceView } from './state.ts';

type Inputs = NonNullable<ModelVerdict['inputs']>;
type Shape = Inputs[number]['shape'];

/** Where the model of a role was judged, with the template that it was judged for. */
export function verdictKeyOf(view: ServiceView, role: Role, { node, model }: RoleSituation): string {
  return verdictKey(node, currentModel(model), view.desired.fields[role].templateDigest);
}

/** Undefined also where it cannot be told: a worker of somebody's own, a model that is no ONNX file, one that is not judged yet. */
export function pairProblem(view: ServiceView): Problem | undefined {
  const [edge, cloud] = [judged(view, 'edge'), judged(view, 'cloud')];
  if (edge === undefined || cloud === undefined) return undefined;
  const difference = differenceOf(edge.inputs, cloud.inputs, edge.isImage || cloud.isImage);
  if (difference === undefined) return undefined;
  const { fields } = view.desired;
  const models = `Model ${fields.edge.model} of the edge worker and Model ${fields.cloud.model} of the cloud worker`;
  return { reason: 'ModelMisfit', message: `${models} do not take the same inputs: ${difference}` };
}

/** A big model that is new serves before anybody asks it. Else a worker waits for the verdict on the other one's model, and for models that fit. */
export function mayJoin(view: ServiceView, role: Role): boolean {
  if (role === 'cloud' && view.own.sets.cloud.revision === 0) return true;
  return !isAwaited(view, role) && pairProblem(view) === undefined;
}

/** The other model is being judged. Where its node is away, or cannot say, nobody waits for that. */
function isAwaited(view: ServiceView, role: Role): boolean {
  if (view.own.sets[role].verdict?.inputs === undefined) return false;
  const other = role === 'edge' ? 'cloud' : 'edge';
  const { situation } = assess(view, other);
  if (situation === undefined || nodeProblem(view, situation.node) !== undefined) return false;
  if (view.operations.problem(checkSlot(other)) !== undefined) return false;
  return view.own.sets[other].verdict?.key !== verdictKeyOf(view, other, situation);
}

function judged(view: ServiceView, role: Role): { inputs: Inputs; isImage: boolean } | undefined {
  const { verdict } = view.own.sets[role];
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
