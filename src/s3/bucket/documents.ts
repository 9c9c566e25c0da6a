/**
 * The configuration of buckets: one small document per sub-resource (`cors`, `policy`, `tagging`, …), kept by the backend
 * beside the data, so that it survives restarts and replicas share it.
 *
 * Nearly every request asks for one or two of them, so what was read is remembered for a moment: a change made through this
 * process counts at once, one made through another replica within {@link freshMs}. While requests keep coming, what is remembered is read again
 * before it is too old, so that none of them waits for the backend. AWS promises no more ("Amazon S3 data consistency model":
 * bucket configurations are eventually consistent).
 */
import type { Storage } from '../../storage.ts';

/** Sub-resources that are kept. */
export type DocumentName =
  | 'cors'
  | 'encryption'
  | 'lifecycle'
  | 'ownershipControls'
  | 'policy'
  | 'publicAccessBlock'
  | 'tagging';

export interface BucketDocuments {
  /** `undefined` when the bucket has none. `NoSuchBucket` and what the backend fails with: never read as "none". */
  get(bucket: string, name: DocumentName): Promise<string | undefined>;
  /** `undefined` removes it. */
  put(bucket: string, name: DocumentName, text: string | undefined): Promise<void>;
  /** What was remembered of a bucket that is gone, or new. */
  forget(bucket: string): void;
}

const freshMs = 2_000;
/** The first request after this has it read again, and does not wait for it. */
const renewMs = 1_500;
const capacity = 10_000;
/** Characters that are remembered at most, give or take a document. */
const maxLength = 32 * 1024 * 1024;

interface Remembered {
  readonly readAt: number;
  readonly text: Promise<string | undefined>;
  /** Characters, once they are known. */
  length: number;
  renewing: boolean;
}

/** @param clock milliseconds, never going back */
export function createBucketDocuments(
  storage: Storage,
  clock: () => number = () => performance.now(),
): BucketDocuments {
  const remembered = new Map<string, Remembered>();
  let length = 0;
  const forgetAll = (): void => {
    remembered.clear();
    length = 0;
  };

  const forget = (id: string): void => {
    length -= remembered.get(id)?.length ?? 0;
    remembered.delete(id);
  };
  const remember = (id: string, entry: Remembered): void => {
    forget(id);
    if (remembered.size >= capacity) forgetAll();
    remembered.set(id, entry);
    length += entry.length;
    if (length > maxLength) forgetAll();
  };

  const read = (bucket: string, name: DocumentName, id: string): Promise<string | undefined> => {
    const readAt = clock();
    const text = storage.for(bucket).getBucketDocument({ bucket, name });
    const entry: Remembered = { readAt, text, length: 0, renewing: false };
    remember(id, entry);
    // A failure is told to who asked, and asked again by the next.
    text.then(
      (found) => {
        if (remembered.get(id) === entry) remember(id, { ...entry, length: found?.length ?? 0 });
      },
      () => {
        if (remembered.get(id) === entry) forget(id);
      },
    );
    return text;
  };

  const renew = (bucket: string, name: DocumentName, id: string, old: Remembered): void => {
    old.renewing = true;
    const readAt = clock();
    const text = storage.for(bucket).getBucketDocument({ bucket, name });
    text.then(
      (found) => {
        // One that was changed, forgotten or read anew meanwhile is not put back.
        if (remembered.get(id) !== old) return;
        remember(id, { readAt, text, length: found?.length ?? 0, renewing: false });
      },
      // What is remembered holds until its time is over; then a failure is told to who asks.
      () => {},
    );
  };

  return {
    get(bucket, name) {
      const id = `${bucket}/${name}`;
      const known = remembered.get(id);
      const age = known === undefined ? freshMs : clock() - known.readAt;
      if (known === undefined || age >= freshMs) return read(bucket, name, id);
      if (age >= renewMs && !known.renewing) renew(bucket, name, id, known);
      return known.text;
    },
    async put(bucket, name, text) {
      const id = `${bucket}/${name}`;
      await storage.for(bucket).putBucketDocument({ bucket, name, text });
      // A read that began before the change must not be remembered after it.
      forget(id);
    },
    forget(bucket) {
      for (const id of remembered.keys()) if (id.startsWith(`${bucket}/`)) forget(id);
    },
  };
}
