import { FileModel } from '../../serving/index.ts';
import type { FileModelOptions, ServedModel } from '../../serving/index.ts';

/**
 * A model of a worker that is started again when it ends. So it ends when its model crashes too often: whoever starts it does so with
 * growing pauses, and says why it ended.
 */
export function supervisedModel(options: FileModelOptions): FileModel {
  return new FileModel({
    ...options,
    onQuarantine(reason) {
      console.error(`model "${options.name}" ${reason}; this worker ends`);
      process.exit(1);
    },
  });
}

/**
 * The same without `load` and `unload`: whoever may send requests must not take a worker out of service, or have it start processes.
 * Another model comes with another worker.
 */
export function withoutRepository(model: FileModel): ServedModel {
  return {
    name: model.name,
    get inputs() {
      return model.inputs;
    },
    get outputs() {
      return model.outputs;
    },
    copiesFeeds: model.copiesFeeds,
    version: () => model.version(),
    unavailable: () => model.unavailable(),
    infer: (feeds, context) => model.infer(feeds, context),
    close: () => model.close(),
  };
}
