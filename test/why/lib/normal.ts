/** Output without what differs from run to run: times, ages, ports, ids, paths. */
export function normal(text: string, folders: Record<string, string>): string {
  let told = text;
  for (const [name, path] of Object.entries(folders)) told = told.replaceAll(path, name);
  return (
    told
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'TIME')
      .replace(/\b\d\d:\d\d-\d\d:\d\d\b/g, 'HH:MM-HH:MM')
      .replace(/(?<![\w.-])(?:\d+h)?(?:\d+m)?\d+(?:ms|s)\b|(?<![\w.-])\d+[mh]\b/g, 'AGE')
      .replace(/\(x\d+ over AGE\)/g, '')
      .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
      .replace(/-[0-9a-f]{8}(?=\b|-)/g, '-ID')
      .replace(/\/[0-9a-f]{2}\/[0-9a-f]{62}\b/g, '/DIGEST')
      .replace(/\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b/g, 'DIGEST')
      .replace(/\bpid(\W+)\d+/g, 'pid$1PID')
      .replace(/attempt \d+(?! of)/g, 'attempt N')
      .replace(/\b\d+ MiB of \d+ MiB\b/g, 'N MiB of N MiB')
      // Whether the next attempt has begun by now is a matter of the moment, as is a status that is being written.
      .replace(/: [a-z ]+, attempt N/g, ': STATE, attempt N')
      // Temporal notices within three minutes that nobody is at it any more.
      .replace(/( on edge\/(?:lost|cut)-1\/resident): .*/g, '$1: STATE')
      // A machine with too little CPU keeps even a node that is well from a heartbeat now and then.
      .replace(
        /( on edge\/edge-1\/\w+): STATE, attempt N, last failure: (?:activity Heartbeat timeout|its local controller had lost it)/g,
        '$1: running',
      )
      .split('\n')
      .filter((line) => !/ on sedna-control: /.test(line))
      // Columns are as wide as the ages in them.
      .map((line) => line.trimEnd().replace(/(\S) {2,}|AGE +/g, (_, last: string | undefined) => `${last ?? 'AGE'}   `))
      .join('\n')
      .trim()
  );
}
