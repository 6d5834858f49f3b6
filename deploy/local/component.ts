import { fetchText } from './wait.ts';
import { readFileSync } from 'node:fs';

/** When a component serves: its URL answers 200 and the body holds `contains`. */
export interface Readiness {
  url: string;
  contains?: string;
  /** PEM file of the certificate authority of an https URL. */
  caFile?: string;
}

/** One process of the stack: all that is needed to start it again. Goes into state.json, so it holds no secret. */
export interface Component {
  name: string;
  command: string;
  args: string[];
  /** Added to the environment of whoever starts it, which is cleared of other stacks' settings first. */
  env: Record<string, string>;
  port: number;
  ready: Readiness;
}

export async function isReady(ready: Readiness): Promise<boolean> {
  let ca: Buffer | undefined;
  try {
    ca = ready.caFile ? readFileSync(ready.caFile) : undefined;
  } catch {
    return false; // The API server writes it while it starts.
  }
  const answer = await fetchText(ready.url, { ca });
  return answer?.status === 200 && answer.body.includes(ready.contains ?? '');
}
