import { digestFile, digesting, type Digest } from '../../../storage/digest.ts';
import { TensorError } from '../../../tensors/errors.ts';
import { TensorFile } from '../../../tensors/tensor-file.ts';
import { stat } from 'node:fs/promises';
import { updateNorm, writeFinalForm } from './final-form.ts';
import { checkFinite, finiteBytes, RefusedBytes } from './finite.ts';
import { checkIdentity, type Identity } from './identity.ts';
import { refusal, type Refusal } from './refusal.ts';
import { checkSamples } from './samples.ts';
import { checkLayout } from './tensors.ts';

export interface UpdatePolicy {
  /** Largest Euclidean norm of an update minus the global weights; longer ones are scaled down to it. */
  clipNorm?: number;
  maxSamplesFactor?: number;
  /** Globs (`*`: any characters) of tensors that stay with the client: they count as unchanged. */
  excludeLayers?: readonly string[];
}

/** What a client handed over, and what it says about it. */
export interface UpdateClaim {
  /** Safetensors. */
  file: string;
  samples: unknown;
  /** Declared; compared where they are given. */
  bytes?: number;
  sha256?: string;
  identity?: Identity;
}

export interface UpdateExpectation {
  /** Global weights that the client started from. */
  global: TensorFile;
  identity?: Identity;
  /** Clients whose update of this round counts already. */
  taken?: ReadonlySet<string>;
  /** Samples that the client's dataset holds. */
  datasetSamples?: number;
  /** Where the final form is written, if it is not the file as it came. */
  out: string;
  /**
   * Takes the bytes of a file that is in its final form as it came, while they are looked at: what it keeps is what was checked.
   * It rejects with whatever `bytes` throws, and keeps nothing then.
   */
  keep?: (bytes: AsyncIterable<Uint8Array>) => Promise<Digest>;
}

/** An update that counts: canonical, of the global layout, finite, within the policy. */
export interface CheckedUpdate {
  /** The client's file, or `out`. */
  file: string;
  samples: number;
  sha256: string;
  bytes: number;
  /** Of update − global, before clipping; only where `clipNorm` is asked for. */
  norm?: number;
  clipped: boolean;
  /** `keep` has taken it. */
  kept?: true;
}

/**
 * Decides whether an update counts, cheapest question first: who, how many samples, the declared bytes and digest, a tensor file, the
 * layout, finite values. Never throws for what a client can do wrong; does for errors of the node (a full disk, a missing global model).
 */
export async function checkUpdate(
  claim: UpdateClaim,
  expectation: UpdateExpectation,
  policy: UpdatePolicy = {},
): Promise<{ accepted: CheckedUpdate } | { refused: Refusal }> {
  const refused = checkClaim(claim, expectation, policy) ?? (await checkBytes(claim));
  if (refused) return { refused };
  let update: TensorFile;
  try {
    update = await TensorFile.open(claim.file);
  } catch (error) {
    if (error instanceof TensorError) return { refused: refusal('NotTensors', `${error.reason}: ${error.message}`) };
    throw error;
  }
  try {
    return await judge(claim, update, { expectation, policy });
  } catch (error) {
    if (error instanceof RefusedBytes) return { refused: error.refusal };
    throw error;
  } finally {
    await update.close();
  }
}

async function judge(
  claim: UpdateClaim,
  update: TensorFile,
  { expectation, policy }: { expectation: UpdateExpectation; policy: UpdatePolicy },
): Promise<{ accepted: CheckedUpdate } | { refused: Refusal }> {
  const stays = matcher(policy.excludeLayers ?? []);
  const misfit = checkLayout(update, expectation.global, stays);
  if (misfit) return { refused: misfit };
  if (isFinal(update, policy)) return { accepted: await take(claim, update, expectation) };
  const wrong = await checkFinite(update, stays);
  if (wrong) return { refused: wrong };
  const norm = policy.clipNorm === undefined ? undefined : await updateNorm(update, expectation.global, stays);
  // Of doubles alone: scaled by nothing, such a change is NaN.
  if (norm === Infinity) return { refused: refusal('NotFinite', 'the norm of its change is beyond what numbers hold') };
  return { accepted: await finish({ claim, update, stays, norm }, expectation, policy) };
}

function checkClaim(claim: UpdateClaim, expectation: UpdateExpectation, policy: UpdatePolicy): Refusal | undefined {
  const { identity, taken = new Set<string>(), datasetSamples } = expectation;
  const stranger = claim.identity && identity ? checkIdentity(claim.identity, identity, taken) : undefined;
  return stranger ?? checkSamples(claim.samples, datasetSamples, policy);
}

async function checkBytes({ file, bytes, sha256 }: UpdateClaim): Promise<Refusal | undefined> {
  if (bytes !== undefined) {
    const { size } = await stat(file);
    if (size !== bytes) return refusal('SizeMismatch', `has ${size} bytes; declared were ${bytes}`);
  }
  if (sha256 === undefined) return undefined;
  const digest = await digestFile(file);
  if (digest.sha256 === sha256) return undefined;
  return refusal('DigestMismatch', `has SHA-256 ${digest.sha256}; declared was ${sha256}`);
}

/** Whatever its values are, nothing has to be changed in it. */
function isFinal({ canonical }: TensorFile, { clipNorm, excludeLayers = [] }: UpdatePolicy): boolean {
  return canonical && clipNorm === undefined && excludeLayers.length === 0;
}

/** Reads it once. */
async function take(
  { file, samples }: UpdateClaim,
  update: TensorFile,
  { keep }: UpdateExpectation,
): Promise<CheckedUpdate> {
  const { sha256, bytes } = await (keep ?? digestOf)(finiteBytes(update));
  return { file, samples: samples as number, sha256, bytes, clipped: false, ...(keep ? { kept: true } : {}) };
}

async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<Digest> {
  const { chunks, result } = digesting(bytes);
  for await (const _chunk of chunks);
  return result();
}

interface Finishing {
  claim: UpdateClaim;
  update: TensorFile;
  stays: (name: string) => boolean;
  /** Of the change, where it is asked for. */
  norm: number | undefined;
}

async function finish(
  { claim, update, stays, norm }: Finishing,
  { global, out }: UpdateExpectation,
  { clipNorm, excludeLayers = [] }: UpdatePolicy,
): Promise<CheckedUpdate> {
  const samples = claim.samples as number;
  const clipped = norm !== undefined && clipNorm !== undefined && norm > clipNorm;
  const about = { samples, clipped, ...(norm === undefined ? {} : { norm }) };
  if (update.canonical && !clipped && excludeLayers.length === 0) {
    return { file: claim.file, ...(await digestFile(claim.file)), ...about };
  }
  const factor = clipped ? clipNorm / norm : 1;
  const { path, sha256, bytes } = await writeFinalForm({ update, global }, { factor, stays, out });
  return { file: path, sha256, bytes, ...about };
}

function matcher(globs: readonly string[]): (name: string) => boolean {
  const patterns = globs.map((glob) => {
    const parts = glob.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 's');
  });
  return (name) => patterns.some((pattern) => pattern.test(name));
}
