import type { Logger } from './log.ts';

export interface Background {
  readonly run: (what: string, work: () => Promise<unknown>) => void;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
}

/** Work that no answer waits for. What fails is logged and left to the janitor. */
export function createBackground(log: Logger): Background {
  const running = new Set<Promise<void>>();
  return {
    run(what, work) {
      const task = Promise.try(work)
        .then(
          () => {},
          (error: unknown) => log.warn(`could not ${what}; the clean-up will`, { error }),
        )
        .finally(() => running.delete(task));
      running.add(task);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
