import { z } from 'zod';
import { dnsName } from './names.ts';

const NAMESPACE = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const NAMESPACE_EXPECTED = 'must be a DNS label: lower-case letters, digits and "-", at most 63 characters';

const strings = () => z.record(z.string(), z.string()).optional();

/** Object metadata, judged as far as the platform reads it; the rest is the API server's business. */
export const metadata = z.looseObject({
  name: dnsName(),
  namespace: z.string().max(63, NAMESPACE_EXPECTED).regex(NAMESPACE, NAMESPACE_EXPECTED).optional(),
  labels: strings(),
  annotations: strings(),
  uid: z.string().optional(),
  generation: z.int().optional(),
  resourceVersion: z.string().optional(),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  finalizers: z.array(z.string()).optional(),
});
