/**
 * The storage contract: what the gateway asks of a backend, in storage words.
 *
 * Every adapter is a factory that returns a {@link StorageAdapter}. An adapter is stateless between calls: whatever
 * must be remembered about an upload is returned as opaque JSON and kept by the upload store, so that any replica can
 * go on with it. All failures are {@link import('./errors.ts').AdapterError}s.
 */
import type { Readable } from 'node:stream';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Facts about a backend that tests and the gateway may ask for. A gap in behaviour is declared here or it is a defect. */
export interface Capabilities {
  /** Largest object in bytes. */
  readonly maxObjectSize: number;
  /** Largest part, and largest single `putObject`, in bytes. */
  readonly maxPartSize: number;
  /** Longest key in UTF-8 bytes that can always be stored (S3 asks for 1,024). */
  readonly maxKeyBytes: number;
  /** `copyObject` runs inside the backend: no byte passes through this process. */
  readonly serverSideCopy: boolean;
  /** Completing an upload costs the same whatever its bytes (parts of one size but for the last). */
  readonly constantTimeComplete: boolean;
  /** A `completeUpload` that is repeated recognises what it published earlier even when the object has been replaced or removed since. */
  readonly remembersCompletion: boolean;
  /** The backend encrypts at rest by itself, so configuration may let it answer for SSE-S3. */
  readonly encryptsAtRest: boolean;
}

export interface BucketInfo {
  readonly name: string;
  readonly createdAt: Date;
}

/** One part of a multipart object, in the order of its bytes. */
export interface ObjectPart {
  readonly partNumber: number;
  /** Bytes as the client sees them (before any encryption by the gateway). */
  readonly size: number;
  /** Base64 checksum of the part, kept for COMPOSITE uploads only. */
  readonly checksum?: string;
}

export interface ObjectChecksum {
  /** `CRC32`, `CRC64NVME`, `SHA256` … as S3 spells it. */
  readonly algorithm: string;
  readonly type: 'FULL_OBJECT' | 'COMPOSITE';
  /** Base64; a COMPOSITE value ends in `-N`. */
  readonly value: string;
  /** Set when the multipart upload named its algorithm, instead of getting the default. */
  readonly declared?: true;
}

/**
 * What an object says about itself, kept beside its bytes in the backend and made visible in the same atomic step.
 * Adapters store and return it unchanged; they read no field of it but `uploadId`.
 * JSON-serialisable. Strings hold any Unicode; header and metadata values are the bytes of the wire as latin1.
 */
export interface ObjectAttributes {
  /** S3 ETag without quotes. */
  readonly etag: string;
  /** Standard headers to give back, lower-case names: content-type, cache-control, content-disposition, content-encoding, content-language, expires, x-amz-website-redirect-location, x-amz-storage-class. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata: lower-case names without `x-amz-meta-`. At most 2 KiB in all (judged by the gateway). */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly checksum?: ObjectChecksum;
  /** Layout of a multipart object, up to 10,000 entries. Absent for objects written in one request. */
  readonly parts?: readonly ObjectPart[];
  /**
   * Written under a condition: ETags of the states that this write, and the conditional writes right before it, replaced, newest first; `''`
   * for none. Tells that an upload which was to replace one of them did not.
   */
  readonly replaced?: readonly string[];
  /** The upload that made this object: how a retried `completeUpload` recognises its own work. */
  readonly uploadId?: string;
  /** Bytes as the client sees them, when they differ from the stored size (gateway-side encryption). */
  readonly plainSize?: number;
  /** Envelope of gateway-side encryption; opaque here. */
  readonly encryption?: JsonValue;
}

export interface ObjectInfo {
  readonly key: string;
  /** Stored bytes. */
  readonly size: number;
  readonly lastModified: Date;
  /**
   * Names this very state of the object: differs after every write, even of identical bytes. Opaque to the gateway
   * (Azure ETag, GCS generation, inode and nanosecond mtime).
   */
  readonly version: string;
  /** As given by the writer; derived by the adapter for an object that another tool wrote (its `etag` then holds a `-`, so that it is never mistaken for an MD5). */
  readonly attributes: ObjectAttributes;
}

/** A range of stored bytes. `start`..`end` inclusive, `start`.. to the end, or the last `suffix` bytes. */
export type ByteRange = { readonly start: number; readonly end?: number } | { readonly suffix: number };

/**
 * The state that the live object must be in for a write to happen; checked by the backend in the same atomic step as
 * the write. Unmet: `PreconditionFailed`.
 */
export type WriteCondition = { readonly absent: true } | { readonly version: string };

interface Call {
  /** Aborts the work; the call then rejects with the signal's reason or kind `Aborted`. */
  readonly signal?: AbortSignal;
}

export interface BucketCall extends Call {
  readonly bucket: string;
}

export interface ObjectCall extends BucketCall {
  readonly key: string;
}

export interface GetObjectCall extends ObjectCall {
  /** Out of reach of the object: `InvalidRange`. */
  readonly range?: ByteRange;
  /** Read only this state of the object; another one: `PreconditionFailed`. */
  readonly version?: string;
}

export interface GetObjectResult {
  readonly info: ObjectInfo;
  /** Stored bytes that `body` will yield, first and last inclusive; `undefined` for an empty body. */
  readonly range: { readonly start: number; readonly end: number } | undefined;
  /** Errors if the bytes cannot all be read. Destroying it frees everything. */
  readonly body: BodyStream;
}

/**
 * A body to store. `stream` yields exactly `size` bytes and ends only if every digest and length agreed: the gateway
 * makes it fail instead of end otherwise. A stream that errors or closes early must leave nothing visible behind.
 */
export interface Body {
  readonly stream: BodyStream;
  readonly size: number;
}

/**
 * `recycle`, where there is one, takes back a chunk that the stream gave, once nobody needs it any more, and at most once: other bytes then
 * go there. Until then whoever reads may write there too. `bytes`, where they are there, are all that the stream will give: who takes them
 * need not read it.
 */
export type BodyStream = Readable & {
  readonly recycle?: (chunk: Buffer) => void;
  readonly bytes?: Buffer;
};

export interface PutObjectCall extends ObjectCall {
  readonly body: Body;
  /** Called once, after the last byte was staged and before the object becomes visible (the ETag is known only then). A throw discards the bytes. */
  readonly attributes: () => ObjectAttributes | Promise<ObjectAttributes>;
  readonly condition?: WriteCondition;
}

export interface DeleteObjectCall extends ObjectCall {
  /** Delete only this state; another one, or none: `PreconditionFailed`. */
  readonly condition?: { readonly version: string };
}

export interface SetAttributesCall extends ObjectCall {
  /** The state they belong to; another one: `PreconditionFailed`, none: `NoSuchObject`. */
  readonly version: string;
  readonly attributes: ObjectAttributes;
}

export interface CopyObjectCall extends ObjectCall {
  readonly source: { readonly bucket: string; readonly key: string; readonly version: string };
  readonly attributes: ObjectAttributes;
  readonly condition?: WriteCondition;
  /** Called now and then during a long copy with bytes done and bytes in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ListObjectsCall extends BucketCall {
  /** Only keys that start with this. */
  readonly prefix?: string;
  /** Keys that hold it after the prefix are rolled up into one common prefix each. Any string. */
  readonly delimiter?: string;
  /** Only keys (and common prefixes) after this one in UTF-8 byte order. Any string, also one that was never a key. A common prefix equal to or below it is not repeated: `startAfter: 'photos/'` with delimiter `/` skips all of `photos/`. */
  readonly startAfter?: string;
  /** Entries (objects + common prefixes) wanted, at least 1. The adapter returns exactly that many unless the listing ends. */
  readonly limit: number;
}

export interface ListObjectsResult {
  /** Objects and common prefixes, merged in UTF-8 byte order. */
  readonly entries: readonly ListEntry[];
  /** Something follows the last entry. To go on, pass the last entry's key or prefix as `startAfter`. */
  readonly truncated: boolean;
}

export type ListEntry =
  | { readonly kind: 'object'; readonly info: ListedObject }
  | { readonly kind: 'prefix'; readonly prefix: string };

/** What a listing tells of an object. `checksum` holds no value: listings name algorithm and type only. */
export interface ListedObject {
  readonly key: string;
  /** Bytes as the client sees them. */
  readonly size: number;
  readonly lastModified: Date;
  readonly etag: string;
  readonly storageClass?: string;
  readonly checksum?: { readonly algorithm: string; readonly type: ObjectChecksum['type'] };
}

/** What an adapter wants remembered about an open upload, and about a stored part. Opaque JSON of at most a few KiB. */
export type UploadState = JsonValue;
export type PartToken = JsonValue;

export interface UploadCall extends ObjectCall {
  /** Unguessable, `[A-Za-z0-9_-]{1,128}`, unique: safe in any name. */
  readonly uploadId: string;
}

export interface PutPartCall extends UploadCall {
  readonly state: UploadState;
  readonly partNumber: number;
  readonly body: Body;
  /** The part that this number has now, if any. Its bytes must stay readable whatever becomes of this call. */
  readonly current?: PartToken;
}

/** A part as the upload store recorded it. */
export interface StoredPart {
  readonly partNumber: number;
  /** Stored bytes. */
  readonly size: number;
  readonly token: PartToken;
}

export interface CompleteUploadCall extends UploadCall {
  readonly state: UploadState;
  /** The parts that make the object, ascending. At least one. */
  readonly parts: readonly StoredPart[];
  /** Recorded parts that the object leaves out: they must survive a failed call. */
  readonly unused: readonly StoredPart[];
  readonly attributes: ObjectAttributes;
  readonly condition?: WriteCondition;
  readonly onProgress?: (done: number, total: number) => void;
  /**
   * Called right before the step that makes the object visible, as late as can be; a throw gives up, with nothing published. `signal` alone is
   * heard too late in a process that was stopped meanwhile, which runs what is already due before its timers.
   */
  readonly beforePublish?: () => void;
}

export interface DiscardPartsCall extends UploadCall {
  readonly state: UploadState;
  readonly parts: readonly StoredPart[];
}

export interface SweepCall extends Call {
  /** Leave alone what is younger than this. */
  readonly olderThan: Date;
  /** Asked before anything of an upload is removed; `true` keeps it. */
  readonly isOpen: (uploadId: string) => Promise<boolean>;
  /** Report only. */
  readonly dryRun?: boolean;
  /** Buckets to look into; all that there are when absent. */
  readonly isOurs?: (bucket: string) => boolean;
  /** Told of each private thing that was removed (or, dry, that would be). */
  readonly onLeftover?: (leftover: Leftover) => void;
}

export interface Leftover {
  /** `upload`: staged bytes of an upload that is not open. `write`: of another write that was cut off. `attributes`: of a state that is not to be had. `bucket`: all that was private to a bucket that is gone. */
  readonly kind: 'upload' | 'write' | 'attributes' | 'bucket';
  /** Absent where it is of no one bucket. */
  readonly bucket?: string;
  /** Of an `upload`; one upload may be told of several times. */
  readonly uploadId?: string;
  /** Where it is in the backend, for a person. */
  readonly place: string;
  readonly bytes: number;
}

export interface SweepResult {
  /** Private things removed (or, dry, that would be). */
  readonly removed: number;
  readonly bytes: number;
}

export interface StorageAdapter {
  /** `local`, `azure`, `gcs`. */
  readonly name: string;
  readonly capabilities: Capabilities;

  /** Resolves when the backend answers and would let us work; else an AdapterError that says what to do. */
  check(call?: Call): Promise<void>;
  close(): Promise<void>;

  /** By name, ascending. */
  listBuckets(call?: Call): Promise<readonly BucketInfo[]>;
  /** `BucketExists` when it is there; `InvalidName` when this backend cannot hold the name. */
  createBucket(call: BucketCall): Promise<void>;
  /** `NoSuchBucket`. */
  headBucket(call: BucketCall): Promise<BucketInfo>;
  /** `NoSuchBucket`, `BucketNotEmpty`. Private data (open uploads, leftovers, configuration) never keeps a bucket; it goes with it. */
  deleteBucket(call: BucketCall): Promise<void>;

  /** Stores and publishes in one atomic, durable step. `NoSuchBucket`, `PreconditionFailed`, `InvalidName`. */
  putObject(call: PutObjectCall): Promise<ObjectInfo>;
  /** Resolves once the backend answered and bytes are readable. `NoSuchBucket`, `NoSuchObject`, `InvalidRange`, `PreconditionFailed`. */
  getObject(call: GetObjectCall): Promise<GetObjectResult>;
  /** `NoSuchBucket`, `NoSuchObject`. */
  headObject(call: ObjectCall): Promise<ObjectInfo>;
  /** Removes the object; a missing one is no error (without a condition). `NoSuchBucket`, `PreconditionFailed`. */
  deleteObject(call: DeleteObjectCall): Promise<void>;
  /** Replaces the attributes (tags, say) of one state, bytes and last-modified unchanged where the backend can. */
  setAttributes(call: SetAttributesCall): Promise<ObjectInfo>;
  /** Copies inside this backend under new attributes, atomically visible. `NoSuchObject` and `PreconditionFailed` with `subject: 'source'` when it is the source that is missing or changed. */
  copyObject(call: CopyObjectCall): Promise<ObjectInfo>;
  listObjects(call: ListObjectsCall): Promise<ListObjectsResult>;

  /** Small private documents of a bucket (CORS, policy, …), invisible to clients, gone with the bucket. At most 1 MiB. */
  getBucketDocument(call: BucketCall & { readonly name: string }): Promise<string | undefined>;
  /** `undefined` removes it. Atomic: readers see the old or the new text. */
  putBucketDocument(
    call: BucketCall & { readonly name: string; readonly text: string | undefined },
  ): Promise<void>;

  /** Prepares an upload. Nothing of it is visible. `NoSuchBucket`, `InvalidName`. */
  beginUpload(call: UploadCall): Promise<UploadState>;
  /** Stages one part durably under a fresh name: never overwrites a part that was stored before. */
  putPart(call: PutPartCall): Promise<PartToken>;
  /**
   * Publishes the object in one atomic step. Idempotent: called again with the same arguments after a crash at any
   * instant, it finishes or recognises its earlier work (the object carries `attributes.uploadId`). `PreconditionFailed` leaves every
   * part whole. Staged data is not removed: that is `abortUpload`, afterwards. `NoSuchPart` when staged bytes are gone.
   */
  completeUpload(call: CompleteUploadCall): Promise<ObjectInfo>;
  /** Frees parts that were replaced or refused. Idempotent; a failure is only wasted space. */
  discardParts(call: DiscardPartsCall): Promise<void>;
  /** Numbers of those parts whose staged bytes are gone or cut short, ascending. Changes nothing. A bucket that is gone has none of them. */
  findMissingParts(call: DiscardPartsCall): Promise<readonly number[]>;
  /** Frees everything staged for the upload, after Abort or after Complete. Idempotent; never touches the live object. */
  abortUpload(call: UploadCall & { readonly state: UploadState }): Promise<void>;
  /** Collects what crashes left in the private area of every bucket. Never touches a live object or an open upload. */
  sweep(call: SweepCall): Promise<SweepResult>;
}
