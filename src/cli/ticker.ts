/** Progress on standard error: one line that is written over and over for a person, a line now and then for a log. */

export interface Ticker {
  /** Takes the line off the terminal again. */
  stop(): void;
}

const forPersonMs = 200;
const forLogMs = 10_000;

export interface TickerOptions {
  readonly terminal: boolean;
  readonly write: (text: string) => void;
  readonly line: () => string;
}

export function startTicker({ line, terminal, write }: TickerOptions): Ticker {
  // Cut to the width: a line that wraps cannot be written over. ESC [K clears what is left of the one before.
  const width = (process.stderr.columns ?? 80) - 1;
  const show = (): void => write(terminal ? `\r${line().slice(0, width)}\u001b[K` : `${line()}\n`);
  const timer = setInterval(show, terminal ? forPersonMs : forLogMs);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      if (terminal) write('\r\u001b[K');
    },
  };
}
