/** Signals come from anybody, with anything in them: an error that left a handler, or its decoding, would block the workflow for good. */
import { defaultPayloadConverter, RawValue, rawValueTypeInfo } from '@temporalio/common';
import { log, setHandler, type SignalDefinition } from '@temporalio/workflow';

/** As they came, so that they are decoded where an error does no harm. No signal of ours has as many arguments. */
const undecoded = { inputTypes: Array.from({ length: 256 }, () => rawValueTypeInfo) };

export function onSignal<A extends unknown[]>(
  signal: SignalDefinition<A>,
  description: string,
  act: (...args: A) => void,
): void {
  setHandler(
    { ...signal, typeInfo: undecoded },
    (...args: unknown[]) => {
      try {
        act(...(args.map(decoded) as A));
      } catch (error) {
        log.warn('a signal was ignored: its argument is not what this workflow expects', { error: String(error) });
      }
    },
    { description },
  );
}

function decoded(argument: unknown): unknown {
  return argument instanceof RawValue ? defaultPayloadConverter.fromPayload(argument.payload) : argument;
}

/** Throws, for `onSignal` to say it. */
export function expectOneOf<T extends string>(value: unknown, known: readonly T[]): T {
  if (!known.includes(value as T)) throw new TypeError(`${JSON.stringify(value)} is none of ${known.join(', ')}`);
  return value as T;
}
