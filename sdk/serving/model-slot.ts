import { InferenceError } from './errors.ts';
import type { Tensor, TensorInfo } from '../tensor.ts';
import type { ServedModel } from './served-model.ts';

/** What a loaded model can do. `OnnxModel` of the ONNX entry is one. */
export interface RunnableModel {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
  /** Frees what the model holds. Called once nobody uses it any more. */
  close?(): Promise<void>;
}

interface Loaded {
  model: RunnableModel;
  version: string;
  users: number;
  retired: boolean;
}

/**
 * Holds the model that is served under a name and swaps it while in use: requests that run finish on the model that they began with,
 * later ones use the new one, the old one is closed after its last request.
 */
export class ModelSlot implements ServedModel {
  readonly name: string;
  private readonly onProblem: (problem: Error) => void;
  private current: Loaded | undefined;

  constructor(name: string, onProblem: (problem: Error) => void = (problem) => console.error(problem)) {
    this.name = name;
    this.onProblem = onProblem;
  }

  get inputs(): readonly TensorInfo[] {
    return this.current?.model.inputs ?? [];
  }

  get outputs(): readonly TensorInfo[] {
    return this.current?.model.outputs ?? [];
  }

  version(): string | undefined {
    return this.current?.version;
  }

  swap(model: RunnableModel, version: string): void {
    const previous = this.current;
    this.current = { model, version, users: 0, retired: false };
    if (previous) this.retire(previous);
  }

  async infer(feeds: Record<string, Tensor>) {
    const loaded = this.current;
    if (!loaded) throw new InferenceError(503, `model "${this.name}" is not loaded yet`);
    loaded.users++;
    try {
      return { version: loaded.version, outputs: await loaded.model.run(feeds) };
    } finally {
      loaded.users--;
      this.closeIfUnused(loaded);
    }
  }

  /** Takes the model out of service; running requests finish. */
  clear(): void {
    const previous = this.current;
    this.current = undefined;
    if (previous) this.retire(previous);
  }

  private retire(loaded: Loaded): void {
    loaded.retired = true;
    this.closeIfUnused(loaded);
  }

  private closeIfUnused({ model, users, retired }: Loaded): void {
    if (retired && users === 0) model.close?.().catch(this.onProblem);
  }
}
