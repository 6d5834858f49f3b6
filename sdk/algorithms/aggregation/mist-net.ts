import type { UnaryCode } from '../encoding/unary-encoding.ts';
import { AggregationError } from './errors.ts';
import { numbers } from './parameters.ts';
import type { StrategyParameters } from './strategy.ts';

/** Parameters of MistNet: where the model is cut, and what of its features is sent. */
export interface MistNet {
  /** ONNX tensor of the Model. */
  layer: string;
  code: UnaryCode;
}

/** Bits of one value: one-hot rows of more say less and less. */
const mostBits = 64;

/**
 * Reads `cut_layer`, `epsilon` (100, as in Sedna), `bits` (1), `low` and `high` (for one bit 0 and 1). Wang et al., "MistNet: Towards Private
 * Neural Network Training with Local Differential Privacy", 2020. Throws `InvalidParameter` that names the field.
 */
export function mistNet({ cut_layer: layer, ...rest }: StrategyParameters = {}): MistNet {
  const range = numbers(rest, {
    epsilon: { fallback: 100, above: 0, max: 1000 },
    bits: { fallback: 1, min: 1, max: mostBits, integer: true },
    low: { fallback: 0 },
    high: { fallback: 1 },
  });
  // Sedna's lists hold only texts, of which those that are numbers have become numbers.
  if (!(typeof layer === 'number' || (typeof layer === 'string' && layer.trim() !== ''))) {
    fail('cut_layer', 'is missing; it must be the name of an ONNX tensor of the Model');
  }
  if (range.bits > 1 && (rest['low'] === undefined || rest['high'] === undefined)) {
    fail('bits', `${range.bits} needs low and high: the range of values that is divided into so many parts`);
  }
  if (range.low >= range.high) fail('low', `must be below high (${range.high}), not ${range.low}`);
  return { layer: String(layer), code: range };
}

function fail(name: string, message: string): never {
  throw new AggregationError('InvalidParameter', `spec.aggregation.parameters.${name}: ${message}`);
}
