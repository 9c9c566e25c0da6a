/** Requests under way by who sent them, so that one of many cannot take the place of all the others. */
import { retryAfter } from './adapter-errors.ts';
import { S3Error } from './errors.ts';

export interface Shares {
  /** Counts a request in; the function that is returned counts it out. SlowDown when its sender has too many. */
  enter(identity: string): () => void;
}

/** @param most requests under way for one identity; `undefined` is no limit */
export function createShares(most: number | undefined): Shares {
  if (most === undefined) return { enter: () => () => undefined };
  const underWay = new Map<string, number>();
  return {
    enter(identity) {
      const before = underWay.get(identity) ?? 0;
      if (before >= most) throw new S3Error('SlowDown', { headers: retryAfter(1) });
      underWay.set(identity, before + 1);
      return () => {
        const left = (underWay.get(identity) ?? 0) - 1;
        if (left > 0) underWay.set(identity, left);
        else underWay.delete(identity);
      };
    },
  };
}
