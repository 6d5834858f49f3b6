import { FileModel } from '../../serving/index.ts';
import type { FileModelOptions } from '../../serving/index.ts';

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
