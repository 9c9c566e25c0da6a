/**
 * The configuration of buckets: one small document per sub-resource (`cors`, `policy`, `tagging`, …), kept by the backend
 * beside the data, so that it survives restarts and replicas share it.
 *
 * Nearly every request asks for one or two of them, so what was read is remembered for a moment: a change made through this
 * process counts at once, one made through another replica within {@link freshMs}. AWS promises no more ("Amazon S3 data consistency model":
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
const capacity = 10_000;
/** Characters that are remembered at most, give or take a document. */
const maxLength = 32 * 1024 * 1024;

interface Remembered {
  readonly readAt: number;
  readonly text: Promise<string | undefined>;
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

  const read = (bucket: string, name: DocumentName, id: string): Promise<string | undefined> => {
    const text = storage.for(bucket).getBucketDocument({ bucket, name });
    const entry: Remembered = { readAt: clock(), text };
    if (remembered.size >= capacity) forgetAll();
    remembered.set(id, entry);
    // A failure is told to who asked, and asked again by the next.
    text.then(
      (found) => {
        length += found?.length ?? 0;
        if (length > maxLength) forgetAll();
      },
      () => {
        if (remembered.get(id) === entry) remembered.delete(id);
      },
    );
    return text;
  };

  return {
    get(bucket, name) {
      const id = `${bucket}/${name}`;
      const known = remembered.get(id);
      if (known !== undefined && clock() - known.readAt < freshMs) return known.text;
      return read(bucket, name, id);
    },
    async put(bucket, name, text) {
      const id = `${bucket}/${name}`;
      await storage.for(bucket).putBucketDocument({ bucket, name, text });
      // A read that began before the change must not be remembered after it.
      remembered.delete(id);
    },
    forget(bucket) {
      for (const id of remembered.keys()) if (id.startsWith(`${bucket}/`)) remembered.delete(id);
    },
  };
}
