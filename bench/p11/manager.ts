/** A global manager's Temporal worker in a process that can be killed: `manager.ts ADDRESS BUNDLE`. Tells its parent when it is ready, and of each activity. */
import { NativeConnection } from '@temporalio/worker';
import { createControlWorker } from '../../workers/lib/control-worker.ts';
import { controlQueue } from '../../workflows/lib/ids.ts';
import type { FrameActivities } from './activities.ts';

const [address = '', codePath = ''] = process.argv.slice(2);
const activities: FrameActivities = { once: async (name) => void process.send?.({ name, at: Date.now() }) };
const connection = await NativeConnection.connect({ address });
const worker = await createControlWorker({
  connection,
  taskQueue: controlQueue,
  workflowBundle: { codePath },
  activities,
});
process.send?.('ready');
await worker.run();
