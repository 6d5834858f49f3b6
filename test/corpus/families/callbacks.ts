/** URLs to which a request wants its final answer told: only hosts that the service names, in whatever spelling others are written. */
import { callbackProblem } from '../../../sdk/features/joint-inference/deferred/callbacks.ts';
import { caseOf, readExpected } from '../lib/expected.ts';
import type { Family, Parser } from '../lib/family.ts';

interface CallbackInput {
  url: string;
  hosts: string[];
}

/** Where a case names none. */
const hosts = ['hooks.example.org', '*.example.net', '10.0.0.1:8080', 'secure.example.org:443'];

export function callbacks(): Family<CallbackInput> {
  const cases = readExpected<Partial<CallbackInput>>('callbacks').map(([name, entry]) =>
    caseOf<CallbackInput>(name, { url: entry.url ?? name, hosts: entry.hosts ?? hosts }, entry),
  );
  return { name: 'callbacks', cases, parsers: [sdk], boundMs: 500, growthMiB: 32 };
}

const sdk: Parser<CallbackInput> = {
  name: 'sdk',
  judge({ url, hosts: allowed }) {
    const message = callbackProblem(url, allowed);
    return message === undefined ? { verdict: 'accept' } : { verdict: 'refuse', message };
  },
};
