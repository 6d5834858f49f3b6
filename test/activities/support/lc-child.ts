/** A local controller without Temporal in a process of its own, to be killed: `lc-child.ts PLACE INPUT`. Prints the result of the task. */
import { FederatedNode, type NodePlace } from './federated-node.ts';
import type { TrainClientInput } from '../../../activities/contracts.ts';

const [place = '', input = ''] = process.argv.slice(2);
const node = await new FederatedNode(JSON.parse(place) as NodePlace).start();
const result = await node.train(JSON.parse(input) as TrainClientInput);
console.log(JSON.stringify(result));
await node.stop();
