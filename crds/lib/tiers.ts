/** What is between the edge and the cloud of a joint inference service. */
import { z } from 'zod';
import { hardExampleMining } from './key-value.ts';
import { autoscaling, replicas } from './kubernetes.ts';
import { reference } from './names.ts';
import { podTemplate } from './pod-template.ts';
import { withRules } from './rule.ts';

/** Each is a hop that the deadline of a request must hold. */
export const maxTiers = 4;

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const EXPECTED = 'must be a DNS label: lower-case letters, digits and "-", at most 63 characters';

const name = () =>
  withRules(z.string().max(63, EXPECTED).regex(DNS_LABEL, EXPECTED), {
    cel: "self != 'edge' && self != 'cloud'",
    message: 'must be neither "edge" nor "cloud": those are the ends of the chain',
    check: (given) => given !== 'edge' && given !== 'cloud',
  }).describe('Name of the tier: its workers have the role tier-<name>.');

const tier = () =>
  z.strictObject({
    name: name(),
    model: reference('Model of the tier'),
    hardExampleMining: hardExampleMining(),
    template: podTemplate(),
    replicas: replicas(),
    hpa: autoscaling().optional(),
  });

export const tiers = () =>
  withRules(z.array(tier()).max(maxTiers, `must be at most ${maxTiers}`), {
    cel: 'self.all(one, self.exists_one(other, other.name == one.name))',
    message: 'must have each name once',
    check: (all) => new Set(all.map((one) => one.name)).size === all.length,
  });
