import { expect } from '@jest/globals';
import type { Condition } from '../../../workflows/lib/status.ts';
import type { EntityView } from '../../../workflows/lib/messages.ts';
import { Scene } from './scene.ts';

/** A scene with expectations of its job. */
export class JobScene extends Scene {
  /** Its status once it matches. */
  async status(expected: Record<string, unknown>, boundMs?: number): Promise<Record<string, unknown>> {
    const { status } = await this.temporal.view(
      this.ref,
      (view) => expect(view.status).toMatchObject(expected),
      boundMs,
    );
    return status;
  }

  waiting(reason: string, message = '', boundMs?: number): Promise<EntityView> {
    return this.temporal.view(
      this.ref,
      ({ status }) =>
        expect(status['waitingFor']).toMatchObject({
          reason,
          message: expect.stringContaining(message) as unknown as string,
        }),
      boundMs,
    );
  }

  stages(status: Record<string, unknown>): string[] {
    return stageConditions(status).map(({ stage, type }) => `${stage} ${type}`);
  }
}

export function stageConditions(status: Record<string, unknown>): Condition[] {
  return (status['conditions'] as Condition[]).filter(({ stage }) => stage !== undefined);
}
