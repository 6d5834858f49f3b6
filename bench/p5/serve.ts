/** An inference worker that serves nothing: it is there until it is stopped. */
setInterval(() => undefined, 60_000);
