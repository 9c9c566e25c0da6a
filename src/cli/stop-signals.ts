/** SIGTERM and SIGINT: the first asks for an orderly end, a later one for an end at once. */

/** npm hands on the Ctrl-C that the terminal has sent to all its children already: both are one wish. */
const sameWishMs = 500;

const signals = { SIGINT: 2, SIGTERM: 15 } as const;
export type StopSignal = keyof typeof signals;

export interface StopSignals {
  /** Resolves with the first. */
  readonly first: Promise<StopSignal>;
}

/** @param atOnce called for a second signal, with the exit status that shells expect of a process ended by it */
export function listenForStop(atOnce: (status: number) => void): StopSignals {
  let firstAt: number | undefined;
  const first = new Promise<StopSignal>((resolve) => {
    for (const name of Object.keys(signals) as StopSignal[]) {
      process.on(name, () => {
        const now = performance.now();
        if (firstAt === undefined) {
          firstAt = now;
          resolve(name);
        } else if (now - firstAt > sameWishMs) atOnce(128 + signals[name]);
      });
    }
  });
  return { first };
}
