/** What a service worker counts, as it reports it (section 4.8 of the control-plane reference). */
import { printable } from '../../../sdk/worker/protocol.ts';
import type { ServiceMetrics } from '../../contracts.ts';
import type { WorkerView } from '../runtime.ts';

export type { ServiceMetrics };

const most = 30;
const longest = 256;
/** Times are of the report, not of the service: they would be news each time. */
const left = new Set(['startTime', 'updateTime']);

/** Undefined until the worker has reported. Numbers and texts as they are, other values as their JSON. */
export function serviceMetrics({ reports, startedAt }: WorkerView): ServiceMetrics | undefined {
  const received = reports['inference'];
  const info = received?.report.ownerInfo;
  // What the process before this one has reported was told then.
  if (received === undefined || info === undefined || (startedAt !== undefined && received.at < Date.parse(startedAt)))
    return undefined;
  const values: ServiceMetrics['values'] = {};
  for (const [key, value] of Object.entries(info)) {
    if (left.has(key) || Object.keys(values).length === most) continue;
    if (typeof value === 'number') values[key] = value;
    else values[key] = printable(typeof value === 'string' ? value : JSON.stringify(value)).slice(0, longest);
  }
  return { values, ...(startedAt === undefined ? {} : { startedAt }) };
}
