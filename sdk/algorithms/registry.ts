/** Kinds of algorithms, by the names that configurations use. */
export const ALGORITHM_TYPES = [
  'general',
  'hard_example_mining',
  'aggregation',
  'client_selection',
  'multi_task_learning',
  'unseen_task_detect',
  'optical_flow',
  'algorithm',
  'data_process',
  'post_process_callback',
  'unseen_task_processing',
  'knowledge_management',
  'seen_task_processing',
] as const;

export type AlgorithmType = (typeof ALGORITHM_TYPES)[number];

/** Algorithms by type and name: the closed list that names in manifests are looked up in. Nothing is ever imported by name. */
export class AlgorithmRegistry {
  private readonly byType = new Map<AlgorithmType, Map<string, unknown>>();

  register<T>(type: AlgorithmType, name: string, algorithm: T): T {
    const named = this.byType.get(type) ?? new Map<string, unknown>();
    if (name === '') throw new Error(`an algorithm of type "${type}" needs a name`);
    if (named.has(name)) throw new Error(`"${name}" is already registered as ${type}; choose another name`);
    this.byType.set(type, named.set(name, algorithm));
    return algorithm;
  }

  has(type: string, name: string): boolean {
    return this.byType.get(type as AlgorithmType)?.has(name) ?? false;
  }

  /** Throws an error that lists what exists when the type or the name is unknown. */
  get<T>(type: AlgorithmType, name: string): T {
    const named = this.byType.get(type);
    if (!named) {
      throw new Error(
        `no algorithm of type "${type}" is registered; types with algorithms: ${list(this.byType.keys())}`,
      );
    }
    if (!named.has(name)) throw new Error(`"${name}" is not registered as ${type}; registered: ${list(named.keys())}`);
    return named.get(name) as T;
  }

  names(type: AlgorithmType): string[] {
    return [...(this.byType.get(type)?.keys() ?? [])].sort();
  }
}

const list = (names: Iterable<string>): string => [...names].sort().join(', ') || 'none';

/** The process's registry: the algorithms of this SDK and those that the worker's author adds. */
export const algorithms = new AlgorithmRegistry();
