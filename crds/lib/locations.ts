import { z } from 'zod';
import { withRules } from './rule.ts';
import type { Rule } from './rule.ts';

/** Linux PATH_MAX; also what keeps the CEL cost of the rules below bounded. */
const MAX_LENGTH = 4096;

// The expressions are valid in RE2 (CEL) and in JavaScript; none needs flags.
const NO_CONTROL = '^[^\\x00-\\x1f\\x7f]*$';
const DOT_DOT = '(^|[/\\\\])(\\.|%2[eE])(\\.|%2[eE])([/\\\\]|$)';
const USER = '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*@';
// What every reader of a file URL takes: escapes of UTF-8 without "/" and control characters, neither query nor fragment.
const HEX = '[0-9a-fA-F]';
const FURTHER = `%[89abAB]${HEX}`;
const ESCAPE = `%(2[0-9a-eA-E]|[3-6]${HEX}|7[0-9a-eA-E]|[cCdD]${HEX}${FURTHER}|[eE]${HEX}(${FURTHER}){2}|[fF][0-7](${FURTHER}){3})`;
const FILE_URL = '^[fF][iI][lL][eE]://';
const READABLE = `${FILE_URL}/([^%?#]|${ESCAPE})*$`;
const DATASET = '^(/.*[^/]|[fF][iI][lL][eE]:///.*[^/]|[sS]3://[^/]+/.*[^/])$';
const MODEL = '^(/.+|[fF][iI][lL][eE]:///.+|[a-zA-Z][a-zA-Z0-9+.-]*://[^/]+.*)$';
const DIRECTORY = '^(/.*|[fF][iI][lL][eE]:///.*|([sS]3|[oO][bB][sS])://[^/]+.*)$';

const matches = (pattern: string, message: string): Rule<string> => {
  const expression = new RegExp(pattern);
  return { cel: `self.matches(${quote(pattern)})`, message, check: (text) => expression.test(text) };
};

const lacks = (pattern: string, message: string): Rule<string> => {
  const expression = new RegExp(pattern);
  return { cel: `!self.matches(${quote(pattern)})`, message, check: (text) => !expression.test(text) };
};

/** For those that begin so: nothing is asked of others. */
const when = (beginning: string, then: Rule<string>): Rule<string> => {
  const expression = new RegExp(beginning);
  const cel = `!self.matches(${quote(beginning)}) || ${then.cel}`;
  return { cel, message: then.message, check: (text) => !expression.test(text) || then.check(text) };
};

const quote = (pattern: string): string => `'${pattern.replaceAll('\\', '\\\\')}'`;

function location(form: Rule<string>) {
  return withRules(
    z.string().max(MAX_LENGTH, `must have at most ${MAX_LENGTH} characters`),
    form,
    lacks(DOT_DOT, 'must not contain ".." segments; write the path without them'),
    matches(NO_CONTROL, 'must not contain control characters'),
    lacks(USER, 'must not contain a user or a password; name a Secret in credentialName'),
    when(
      FILE_URL,
      matches(READABLE, 'must be a file URL of an absolute path without "?", "#", "%2F" and broken escapes'),
    ),
  );
}

/** One index file, as a local controller can watch it. */
export const datasetUrl = () =>
  location(
    matches(
      DATASET,
      'must be one file: an absolute path on the node (/data/train.txt), file:///… or s3://bucket/key; other schemes cannot be watched for new samples',
    ),
  );

/** A model file or directory. Schemes that the platform does not read are handed to the worker unchanged. */
export const modelUrl = () =>
  location(matches(MODEL, 'must be an absolute path on the node, file:///…, s3://bucket/key or http(s)://host/path'));

/** A directory that a job writes to. */
export const outputDirectory = () =>
  location(matches(DIRECTORY, 'must be an absolute directory on the node, file:///… or s3://bucket/prefix'));
