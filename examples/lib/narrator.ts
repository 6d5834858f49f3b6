import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

const whoWidth = 12;

/** Tells what happens as it happens: elapsed seconds, who, what. Colours only where a person looks at a terminal. */
export class Narrator {
  readonly #stream: NodeJS.WriteStream;
  readonly #began = performance.now();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // A reader that went away (`| head`) must not keep the demo from cleaning up.
    stream.on('error', () => undefined);
  }

  seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  title(text: string): void {
    this.#write(`\n${this.#paint('bold', text)}`);
  }

  say(who: string, what: string): void {
    const time = `${this.seconds().toFixed(1)} s`.padStart(8);
    this.#write(`${this.#paint('dim', time)}  ${this.#paint('cyan', who.padEnd(whoWidth))} ${what}`);
  }

  good(who: string, what: string): void {
    this.say(who, this.#paint('green', what));
  }

  bad(who: string, what: string): void {
    this.say(who, this.#paint('red', what));
  }

  /** A command, as it is run. */
  command(text: string): void {
    this.#write(`${' '.repeat(10)}${this.#paint('bold', `$ ${text}`)}`);
  }

  /** A line that a command printed, or text for the reader to take along. */
  plain(text: string): void {
    this.#write(text === '' ? '' : `${' '.repeat(10)}${text}`);
  }

  #write(line: string): void {
    this.#stream.write(`${line}\n`);
  }

  #paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stream });
  }
}
