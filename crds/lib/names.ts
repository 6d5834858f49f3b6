import { z } from 'zod';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const OPTIONAL_DNS_SUBDOMAIN = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$/;
const EXPECTED = 'must be a DNS name: lower-case letters, digits, "-" and ".", at most 253 characters';

/** Name of a Kubernetes object or node (DNS-1123 subdomain). */
export const dnsName = () => z.string().max(253, EXPECTED).regex(DNS_SUBDOMAIN, EXPECTED);

/** `{name}` of another object in the same namespace. */
export const reference = (what: string) => z.strictObject({ name: dnsName().describe(`Name of the ${what}.`) });

/** Name of a Secret in the same namespace; empty means none, as in the original. */
export const credentialName = () =>
  z
    .string()
    .max(253, EXPECTED)
    .regex(OPTIONAL_DNS_SUBDOMAIN, EXPECTED)
    .describe('Secret with ACCESS_KEY_ID and SECRET_ACCESS_KEY, annotated with s3-endpoint and s3-usehttps.')
    .optional();
