/**
 * The upload store: upload ID → parts. Source of truth for what an upload is and which parts it has.
 *
 * States: OPEN → COMPLETING (lease, digest of the request) → COMPLETED (result kept for replays), or OPEN → ABORTED.
 * COMPLETING falls back to OPEN when the attempt fails, and can be claimed again once its lease has run out.
 * Every change is one compare-and-set in the store (Lua in Redis, a transaction in SQLite), durable before it resolves.
 *
 * An unreachable store rejects with `UploadStoreUnavailable`; nothing else is thrown for outages.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** What CreateMultipartUpload decided. Never changes. */
export interface UploadRecord {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly initiatedAt: number;
  /** Canonical ID of who created it. */
  readonly initiator: string;
  /** Headers, metadata, tags, checksum and SSE settings to apply at Complete; the protocol's own JSON, opaque here. */
  readonly settings: Json;
  /** What the storage adapter wants remembered; opaque here. */
  readonly state: Json;
}

export interface PartRecord {
  readonly partNumber: number;
  /** MD5 of the part as the client sees it, hex. */
  readonly etag: string;
  /** Bytes as the client sees them. */
  readonly size: number;
  /** Bytes as the backend holds them (differs under gateway-side encryption). */
  readonly storedSize: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
  /** Base64 digests by algorithm (`CRC32` …). */
  readonly checksums: Readonly<Record<string, string>>;
  /** Where the adapter put it; opaque here. */
  readonly token: Json;
  /** Envelope of gateway-side encryption of this part; opaque here. */
  readonly encryption?: Json;
}

/** Names an attempt to complete: whoever holds it may finish or give up. */
export interface CompletionClaim {
  readonly uploadId: string;
  /** Unguessable, fresh for each claim. */
  readonly lease: string;
}

export type UploadView =
  | { readonly status: 'open' | 'completing'; readonly upload: UploadRecord; readonly part?: PartRecord }
  | {
      readonly status: 'completed';
      readonly upload: UploadRecord;
      readonly digest: string;
      readonly result: Json;
    }
  | { readonly status: 'none' };

export type ClaimOutcome =
  /**
   * Ours until the lease runs out. `resumed`: an earlier attempt with `previousDigest` was cut off and may have published what `previousPlan`
   * says. So look first, then renew the claim with the plan that is to be published, then publish: until that renewal, whoever resumes next is
   * told of the same earlier attempt.
   */
  | {
      readonly outcome: 'claimed';
      readonly claim: CompletionClaim;
      readonly resumed: boolean;
      readonly previousDigest?: string;
      readonly previousPlan?: Json;
    }
  /** Another attempt holds the lease. */
  | { readonly outcome: 'busy'; readonly digest: string; readonly retryAfterMs: number }
  | { readonly outcome: 'completed'; readonly digest: string; readonly result: Json }
  /** A part is not what the caller judged (replaced meanwhile): list again. */
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'none' };

export interface ListUploadsCall {
  readonly bucket: string;
  readonly prefix?: string;
  /**
   * Uploads whose key comes after this one in UTF-8 byte order; with `uploadIdMarker`, also the same key's uploads after that one.
   * A common prefix equal to or below it is not repeated: `photos/` with delimiter `/` skips all of `photos/`.
   */
  readonly keyMarker?: string;
  /**
   * Ignored without `keyMarker`. When it names no upload of that key any more (a client that aborts what it lists), all that are left of the
   * key are listed: none is skipped.
   */
  readonly uploadIdMarker?: string;
  readonly delimiter?: string;
  /** Entries (uploads + common prefixes), at least 1. */
  readonly limit: number;
}

export interface ListUploadsResult {
  /** By key (UTF-8 bytes), then time of initiation, then ID; common prefixes in their place. OPEN and COMPLETING uploads. */
  readonly entries: ReadonlyArray<
    | { readonly kind: 'upload'; readonly upload: UploadRecord }
    | { readonly kind: 'prefix'; readonly prefix: string }
  >;
  readonly truncated: boolean;
}

export type AbortOutcome =
  | { readonly outcome: 'aborted'; readonly upload: UploadRecord }
  /** A Complete holds the upload; with `stalled`, held it until its lease ran out (`retryAfterMs` is 0). */
  | { readonly outcome: 'busy'; readonly retryAfterMs: number; readonly stalled?: StalledCompletion }
  | { readonly outcome: 'none' };

/**
 * A Complete that was cut off: it may have published its object, or not. Whoever wants to abort looks at the live object. If this
 * upload made it, the Complete has happened: claim it and finish it. If not, abort again with `claim`.
 */
export interface StalledCompletion {
  readonly upload: UploadRecord;
  /** The lease that ran out. */
  readonly claim: CompletionClaim;
  /** Of the attempt that may have published. */
  readonly digest: string;
  readonly plan: Json;
}

export interface UploadStore {
  /** `redis` or `embedded`. */
  readonly name: string;
  /** Resolves when the store answers and accepts writes. */
  check(): Promise<void>;
  close(): Promise<void>;

  create(upload: UploadRecord): Promise<void>;
  /** One round trip. `partNumber` also fetches what that number holds now. ABORTED and unknown are `none`. */
  get(uploadId: string, partNumber?: number): Promise<UploadView>;
  /**
   * Sets the number's part, only while the upload is OPEN; otherwise the bytes are to be discarded. `replaced` is the part to discard.
   * A rejection leaves unknown whether the part was recorded: its bytes must stay. Parts are told apart by ETag and token, so each
   * attempt to store a part must have its own token (as adapters give it).
   */
  recordPart(
    uploadId: string,
    part: PartRecord,
  ): Promise<{ readonly recorded: true; readonly replaced?: PartRecord } | { readonly recorded: false }>;
  /** Parts with a number above `after`, ascending, at most `limit`. `undefined` when the upload is not OPEN or COMPLETING. */
  listParts(
    uploadId: string,
    options: { readonly after: number; readonly limit: number },
  ): Promise<{ readonly parts: readonly PartRecord[]; readonly truncated: boolean } | undefined>;
  listUploads(call: ListUploadsCall): Promise<ListUploadsResult>;

  /**
   * OPEN → COMPLETING, if every part in `parts` still has the given ETag and token; or a COMPLETING whose lease has run out is taken
   * over. `digest` names the request. `plan` is kept and handed to whoever resumes (the attributes and condition about to be published).
   */
  claimCompletion(call: {
    readonly uploadId: string;
    readonly digest: string;
    readonly plan: Json;
    readonly parts: readonly PartRecord[];
    readonly leaseMs: number;
  }): Promise<ClaimOutcome>;
  /** Extends the lease, and replaces the plan when one is given: it may be published from now on. `false`: the lease was lost to somebody else; stop. */
  renewClaim(claim: CompletionClaim, leaseMs: number, plan?: Json): Promise<boolean>;
  /** COMPLETING → OPEN after a failed attempt that published nothing. */
  releaseClaim(claim: CompletionClaim): Promise<void>;
  /**
   * COMPLETING → COMPLETED with the answer for replays. `digest` is the claim's own, unless it is an earlier attempt that turned out to have
   * published. `false`: the lease was lost. The parts are forgotten once `cleaned` is called.
   */
  finishCompletion(claim: CompletionClaim, result: Json, digest?: string): Promise<boolean>;
  /**
   * OPEN → ABORTED. Resolves to what must be cleaned up. `busy` while a Complete holds the upload, also when its lease has run out: see
   * {@link StalledCompletion}. Given the `claim` of one, COMPLETING → ABORTED too, if that very lease still is the last one.
   * ABORTED is remembered (not shown) until `cleaned`, so that a crash before the clean-up is found by the janitor.
   */
  abort(uploadId: string, stalled?: CompletionClaim): Promise<AbortOutcome>;
  /** Staged data is gone: ABORTED is forgotten; of COMPLETED, only the parts are (its result stays for `retentionMs`). Idempotent. */
  cleaned(uploadId: string): Promise<void>;

  /**
   * Every upload of a bucket that is OPEN, COMPLETING or not yet cleaned, for DeleteBucket; bounded pages. `after` is the ID of the page
   * before's last upload; once that has been cleaned, pages begin anew with whatever is left.
   */
  uploadsOf(
    bucket: string,
    options: { readonly after?: string; readonly limit: number },
  ): Promise<readonly UploadRecord[]>;
  /**
   * For the janitor: uploads initiated before `initiatedBefore` that are OPEN, or COMPLETING with a lease that has run out (`expired`), and
   * those ABORTED or COMPLETED more than a minute ago whose clean-up has not been confirmed (`uncleaned`). Each is yielded once, whatever
   * becomes of it meanwhile. Read in bounded pages.
   */
  pendingWork(options: { readonly initiatedBefore: number }): AsyncIterable<PendingUpload>;
  /** Forgets COMPLETED results older than the retention (24 h at least). Stores whose keys expire by themselves do nothing. */
  forgetOld(now: number): Promise<number>;
}

export interface PendingUpload {
  readonly upload: UploadRecord;
  readonly work: 'expired' | 'uncleaned';
}

/** The store cannot be reached, is read-only or full: the request may be tried again. */
export class UploadStoreUnavailable extends Error {
  override readonly name = 'UploadStoreUnavailable';
}
