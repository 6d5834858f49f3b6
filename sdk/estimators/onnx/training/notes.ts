import { looksConstant } from '../graph/constants.ts';
import { matchesAny } from '../globs.ts';
import type { ModelProto } from '../proto/types.ts';

/** Floating-point types of ONNX whose weights do not train here. */
const OTHER_FLOATS: Record<number, string> = { 10: 'float16', 11: 'float64', 16: 'bfloat16' };
const NAMED = 5;

/** What a user should know of a training before its first step, though it may be meant so. For people. */
export function trainingNotes(
  { graph }: ModelProto,
  { freeze = [], trainScalars = [] }: { freeze?: readonly string[]; trainScalars?: readonly string[] },
): string[] {
  const names = graph.initializer.map(({ name = '' }) => name);
  const unmatched = Object.entries({ freeze, trainScalars }).flatMap(([option, globs]) =>
    globs
      .filter((glob) => !names.some((name) => matchesAny(name, [glob])))
      .map((glob) => `option ${option}: "${glob}" matches no initializer of the model (it has ${list(names)})`),
  );
  const used = new Set(graph.node.flatMap(({ input }) => input));
  const others = graph.initializer.filter((tensor) => {
    const { name = '', dataType } = tensor;
    return dataType in OTHER_FLOATS && used.has(name) && !looksConstant(tensor) && !matchesAny(name, freeze);
  });
  if (others.length === 0) return unmatched;
  const types = [...new Set(others.map(({ dataType }) => OTHER_FLOATS[dataType]))].join(', ');
  const left = list(others.map(({ name = '' }) => name));
  return [
    ...unmatched,
    `initializers of type ${types} do not train: ${left}; export the model in float32 to train them`,
  ];
}

function list(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
