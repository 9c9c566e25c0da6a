/**
 * `partway doctor`: what crashes and lost state left behind, in the backends and in the upload store. Cleans up what nobody can need any
 * more when told to. Safe beside gateways that serve: whatever is younger than the age limit is left alone, and what looks lost is looked
 * at twice.
 */
import { isAdapterError } from '../../adapters/errors.ts';
import type { Leftover, StoredPart } from '../../adapters/types.ts';
import type { Storage } from '../storage.ts';
import type { PartRecord, PendingUpload, UploadRecord, UploadStore } from '../uploads/types.ts';
import { type Finding, Findings, type Report } from './findings.ts';

export interface DoctorCall {
  readonly storage: Pick<Storage, 'backends' | 'for'>;
  readonly store: UploadStore;
  /** Mend; only look otherwise. */
  readonly fix: boolean;
  /** Private bytes changed after this, and uploads begun after it, are left alone. */
  readonly olderThan: Date;
  /** Told what is being looked at. */
  readonly onStep?: (what: string) => void;
  readonly signal?: AbortSignal;
}

const partsPage = 1000;

/** Rejects only with the signal's reason; what fails is in the report. */
export async function examine(call: DoctorCall): Promise<Report> {
  return new Examination(call).run();
}

class Examination {
  readonly #call: DoctorCall;
  readonly #findings = new Findings();

  constructor(call: DoctorCall) {
    this.#call = call;
  }

  async run(): Promise<Report> {
    const { storage, store } = this.#call;
    const known = await this.#step('ask the upload store', async () => {
      await store.check();
      return true;
    });
    // Without the store's word, every staged byte would look lost.
    if (known === undefined) return this.#findings.report();
    await this.#step('read the uploads of the store', async () => {
      // All that there are, whenever they were begun.
      for await (const pending of store.pendingWork({ initiatedBefore: Number.MAX_SAFE_INTEGER })) {
        const { bucket, key, uploadId } = pending.upload;
        this.#findings.uploadsKnown += 1;
        await this.#step(`look at upload ${uploadId} of ${bucket}/${key}`, () => this.#upload(pending));
      }
    });
    for (const { adapter, name } of storage.backends) {
      await this.#step(`look through backend ${name}`, () =>
        adapter.sweep({
          olderThan: this.#call.olderThan,
          isOpen: async (uploadId) => isOpen(await store.get(uploadId)),
          dryRun: !this.#call.fix,
          onLeftover: (leftover) => this.#findings.add(ofLeftover(leftover, this.#call.fix)),
          ...(this.#call.signal && { signal: this.#call.signal }),
        }),
      );
    }
    return this.#findings.report();
  }

  async #upload({ upload, work }: PendingUpload): Promise<void> {
    if (work === 'uncleaned') {
      return this.#mend({ ...naming(upload), kind: 'uncleaned-upload' }, () => this.#clean(upload));
    }
    if ((await this.#call.store.get(upload.uploadId)).status !== 'open') return;
    if (await this.#hasLostBucket(upload)) {
      return this.#mend({ ...naming(upload), kind: 'upload-without-bucket' }, () => this.#end(upload));
    }
    const missing = await this.#missingParts(upload);
    if (missing.length === 0) return;
    const finding: Omit<Finding, 'mended'> = {
      ...naming(upload),
      kind: 'upload-without-bytes',
      parts: missing,
    };
    // Its client may be at work still, and can send the parts again once it is told.
    if (upload.initiatedAt >= this.#call.olderThan.getTime()) {
      this.#findings.add({ ...finding, mended: false });
      return;
    }
    await this.#mend(finding, () => this.#end(upload));
  }

  async #hasLostBucket({ bucket }: UploadRecord): Promise<boolean> {
    try {
      await this.#call.storage.for(bucket).headBucket({ bucket });
      return false;
    } catch (error) {
      if (isAdapterError(error, 'NoSuchBucket')) return true;
      throw error;
    }
  }

  async #missingParts(upload: UploadRecord): Promise<readonly number[]> {
    const { store } = this.#call;
    const missing: number[] = [];
    for (let after = 0; ; ) {
      const page = await store.listParts(upload.uploadId, { after, limit: partsPage });
      if (page === undefined) return [];
      missing.push(...(await this.#missingOf(upload, page.parts)));
      after = page.parts.at(-1)?.partNumber ?? after;
      if (!page.truncated) return missing;
    }
  }

  /** A part may have been replaced, or the upload completed, since it was listed: then its bytes are gone rightly. */
  async #missingOf(upload: UploadRecord, parts: readonly PartRecord[]): Promise<readonly number[]> {
    const { storage, store } = this.#call;
    const { bucket, key, state, uploadId } = upload;
    const numbers = await storage
      .for(bucket)
      .findMissingParts({ bucket, key, uploadId, state, parts: parts.map(stored) });
    const confirmed: number[] = [];
    for (const number of numbers) {
      const before = parts.find(({ partNumber }) => partNumber === number);
      const now = await store.get(uploadId, number);
      if (now.status !== 'open') return [];
      if (JSON.stringify(now.part?.token) === JSON.stringify(before?.token)) confirmed.push(number);
    }
    return confirmed;
  }

  async #mend(finding: Omit<Finding, 'mended'>, work: () => Promise<void>): Promise<void> {
    if (this.#call.fix) await work();
    this.#findings.add({ ...finding, mended: this.#call.fix });
  }

  async #end(upload: UploadRecord): Promise<void> {
    const { outcome } = await this.#call.store.abort(upload.uploadId);
    if (outcome === 'busy') throw new Error('a CompleteMultipartUpload has begun meanwhile');
    if (outcome === 'aborted') await this.#clean(upload);
  }

  async #clean({ bucket, key, state, uploadId }: UploadRecord): Promise<void> {
    const { storage, store } = this.#call;
    try {
      await storage.for(bucket).abortUpload({ bucket, key, uploadId, state });
    } catch (error) {
      // Staged data goes with its bucket.
      if (!isAdapterError(error, 'NoSuchBucket')) throw error;
    }
    await store.cleaned(uploadId);
  }

  /** `undefined` when it failed. */
  async #step<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    const { onStep, signal } = this.#call;
    signal?.throwIfAborted();
    onStep?.(what);
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      this.#findings.failed(`could not ${what}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

function naming({ bucket, key, uploadId }: UploadRecord): Pick<Finding, 'bucket' | 'key' | 'uploadId'> {
  return { bucket, key, uploadId };
}

const kinds = {
  upload: 'orphaned-upload',
  write: 'leftover-write',
  attributes: 'metadata-without-data',
  bucket: 'removed-bucket',
} as const satisfies Record<Leftover['kind'], Finding['kind']>;

function ofLeftover({ kind, ...leftover }: Leftover, mended: boolean): Finding {
  return { ...leftover, kind: kinds[kind], mended };
}

function stored({ partNumber, storedSize, token }: PartRecord): StoredPart {
  return { partNumber, size: storedSize, token };
}

function isOpen({ status }: { readonly status: string }): boolean {
  return status === 'open' || status === 'completing';
}
