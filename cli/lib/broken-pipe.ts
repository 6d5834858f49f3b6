/** Whoever reads us may stop early (`sedna crds | head`, a terminal that was closed): that is no error. */
import { EXIT } from './errors.ts';

/** Verbs that are there to be read and change nothing: without a reader they have nothing left to do. All others do what they were told. */
const toBeRead = new Set(['get', 'describe', 'explain', 'logs', 'rounds', 'nodes', 'doctor', 'crds', 'version']);

/** Half of an `apply`, or a stack that is half stopped, would be the result of `| head`. */
export function outliveReaders(verb = ''): void {
  const onError = (error: NodeJS.ErrnoException): void => {
    // EIO: the terminal is gone.
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    if (toBeRead.has(verb)) process.exit(EXIT.ok);
  };
  process.stdout.on('error', onError);
  process.stderr.on('error', onError);
}
