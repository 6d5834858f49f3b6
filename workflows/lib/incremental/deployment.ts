/** Is the new model better than the deployed one? The deploy trigger decides (section 5.5 of the control-plane reference). */
import type { ControlActivities, ReportedModel } from '../../../activities/contracts.ts';
import { deltaMetrics, evaluateTrigger, type MetricValues, type Trigger, type TriggerVerdict } from '../trigger.ts';

export interface DeployVerdict {
  deploy: boolean;
  reason: string;
  /** What was compared with what, for people. */
  message: string;
}

type Clock = Pick<ControlActivities, 'judgeTrigger'>;

/** `evaluated` = [new, deployed]. Outside the window the round ends undeployed; the candidate stays in the Model's versions. */
export async function judge(clock: Clock, trigger: Trigger, evaluated: ReportedModel[]): Promise<DeployVerdict> {
  const [fresh, deployed] = evaluated;
  const metrics = deltaMetrics(fresh?.metrics ?? {}, deployed?.metrics ?? {});
  const { window, condition } = await verdictOf(clock, trigger, metrics);
  const { metric, operator, threshold } = trigger.condition;
  if (condition.value === undefined) {
    const known = Object.keys(metrics).sort().join(', ') || 'none';
    return { deploy: false, reason: 'MetricMissing', message: `not deployed: no metric ${metric}; reported: ${known}` };
  }
  const compared = `${metric} = ${Number(condition.value.toPrecision(6))}, wanted ${operator} ${threshold}`;
  if (!condition.met) return { deploy: false, reason: 'ThresholdNotReached', message: `not deployed: ${compared}` };
  if (!window.open && trigger.timer !== undefined) {
    const { start, end, timeZone = 'UTC' } = trigger.timer;
    const message = `not deployed: the window ${start}-${end} ${timeZone} is closed (${compared})`;
    return { deploy: false, reason: 'WindowClosed', message };
  }
  return { deploy: true, reason: 'Deployed', message: `deployed: ${compared}` };
}

/** Without a window nobody has to look at a clock. */
async function verdictOf(clock: Clock, trigger: Trigger, metrics: MetricValues): Promise<TriggerVerdict> {
  return trigger.timer === undefined ? evaluateTrigger(trigger, metrics, 0) : clock.judgeTrigger({ trigger, metrics });
}
