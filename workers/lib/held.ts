/**
 * What this node has begun and not ended, as files: a local controller that was killed says so itself when it is back, instead of
 * leaving it to the heartbeat timeout. So an activity that only watches needs few heartbeats, and a restart costs no waiting.
 */
import { ActivityNotFoundError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logger } from './log.ts';

/** An answer to the server may be on its way for so long after an activity has ended. */
const answeredMs = 10_000;
const boundMs = 10_000;

/** An attempt that was begun: its note, and the token by which the server knows it. */
export interface Held {
  file: string;
  token: Uint8Array;
}

export class HeldActivities {
  readonly #directory: string;

  constructor(stateDir: string) {
    this.#directory = join(stateDir, 'held');
    mkdirSync(this.#directory, { recursive: true });
  }

  /** For each Temporal worker of the node. A full disk costs the memory, not the work: the heartbeat timeout remains. */
  readonly interceptor: ActivityInterceptorsFactory = ({ info: { taskToken } }) => ({
    inbound: {
      execute: async (input, next) => {
        const file = this.#fileOf(taskToken);
        attempt(() => writeFileSync(file, taskToken));
        try {
          return await next(input);
        } finally {
          setTimeout(() => attempt(() => rmSync(file, { force: true })), answeredMs).unref();
        }
      },
    },
  });

  /** What an earlier process of this node held. Asked before this one holds anything. */
  left(): Held[] {
    const files = readdirSync(this.#directory).map((name) => join(this.#directory, name));
    return files.map((file) => ({ file, token: new Uint8Array(readFileSync(file)) }));
  }

  /** Ends those attempts, so that the server gives them out again at once. What it no longer knows of is none of ours. */
  async giveBack(client: Client, left: Held[]): Promise<void> {
    const restarted = ApplicationFailure.create({
      message: 'the local controller was restarted meanwhile',
      nextRetryDelay: 1,
    });
    for (const { file, token } of left) {
      try {
        await client.withDeadline(Date.now() + boundMs, () => client.activity.fail(token, restarted));
      } catch (error) {
        // Left to the heartbeat timeout.
        if (!(error instanceof ActivityNotFoundError)) logger.warn({ error: String(error) }, 'an activity stays lost');
      }
      attempt(() => rmSync(file, { force: true }));
    }
  }

  #fileOf(token: Uint8Array): string {
    return join(this.#directory, createHash('sha256').update(token).digest('hex').slice(0, 32));
  }
}

function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    logger.debug({ error: String(error) }, 'what is held could not be noted');
  }
}
