import type { BodyStream } from '../../adapters/types.ts';
import type { Authentication } from '../auth/authenticate.ts';
import type { AuthenticateForm } from '../auth/post-signature.ts';
import type { AccessPoints } from '../http/access-points.ts';
import type { Headers } from '../http/headers.ts';
import type { Target } from '../http/target.ts';
import type { Storage } from '../storage.ts';
import type { UploadStore } from '../uploads/types.ts';
import type { AccessSettings } from './access/settings.ts';
import type { BucketDocuments } from './bucket/documents.ts';
import type { ChecksumAlgorithm } from './checksums/algorithms.ts';
import type { EncryptionSettings } from './encryption/settings.ts';
import type { Route } from './match.ts';
import type { RequestBody } from './request-body.ts';
import type { XmlNode } from './xml.ts';

/** What the protocol needs to know of the configuration. */
export interface GatewaySettings {
  readonly region: string;
  /** Other names of buckets, in hosts and ARNs. */
  readonly accessPoints: AccessPoints;
  /** Who owns every bucket and object. */
  readonly owner: Owner;
  /** Computed and kept for objects whose writer named no checksum (AWS: CRC64NVME); `undefined` computes none. */
  readonly defaultChecksum: ChecksumAlgorithm | undefined;
  /** Milliseconds before a slow Complete or copy commits to 200 and starts to send white space. */
  readonly keepAliveAfterMs: number;
  /** How long a Complete that fell silent holds its upload. */
  readonly completionLeaseMs: number;
}

export interface Owner {
  readonly id: string;
  readonly displayName: string;
}

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The rooms behind the protocol. */
export interface Gateway {
  readonly settings: GatewaySettings;
  readonly encryption: EncryptionSettings;
  readonly storage: Storage;
  /** Configuration of buckets: CORS, policy, tags … */
  readonly documents: BucketDocuments;
  readonly uploads: UploadStore;
  /** The account and its users; absent: an account that has none, `000000000000`. */
  readonly access?: AccessSettings;
  readonly log: Logger;
  /** Runs work that the answer need not wait for; a graceful stop waits for it. A failure is logged, never thrown. */
  readonly background: (what: string, work: () => Promise<unknown>) => void;
}

/** One request on its way through the house. */
export interface RequestContext {
  readonly gateway: Gateway;
  readonly requestId: string;
  readonly method: string;
  readonly target: Target;
  /** Empty for the service. */
  readonly bucket: string;
  /** Empty for service and bucket. */
  readonly key: string;
  readonly headers: Headers;
  readonly auth: Authentication;
  /** Who signed a form, which the request's head does not tell. */
  readonly authenticateForm: AuthenticateForm;
  /** `https` where the client sees TLS. */
  readonly scheme: 'http' | 'https';
  readonly client: Client;
  readonly body: RequestBody;
  /** Aborts when the client is gone. For reads; a write that was acknowledged to the store goes on. */
  readonly signal: AbortSignal;
}

/** The far end of the connection. */
export interface Client {
  /** Behind a trusted proxy, the address that the proxy tells. */
  readonly address: string | undefined;
  /** `1.3`; of the connection to us, `undefined` without TLS. */
  readonly tlsVersion: () => string | undefined;
}

/** An answer before it is put on the wire. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly xml?: { readonly root: string; readonly content: XmlNode | string; readonly namespace?: false };
  /** What an answer in JSON tells beside its headers, where XML has no body. */
  readonly data?: Readonly<Record<string, string | number>>;
  /** Bytes of an object; `headers` hold its content-length. */
  readonly stream?: BodyStream;
}

/** One S3 action. */
export interface Operation {
  /** As AWS spells it. */
  readonly action: string;
  /**
   * What the caller must be allowed on the bucket or object, as IAM spells it (Service Authorization Reference, "Actions
   * defined by Amazon S3"). Asked before `handle`; what else a request touches (a copy's source, each key of
   * DeleteObjects) its handler asks for.
   */
  readonly permission: string;
  /** Nothing is asked before `handle`, which asks by itself: of each key of DeleteObjects, or as the signer of a form. */
  readonly asksItself?: true;
  readonly route: Route;
  /** Whether the request may carry a body: an object's bytes, a document, or none. */
  readonly body: 'object' | 'document' | 'none';
  /** May take minutes: the answer is kept alive with white space (CompleteMultipartUpload, copies). */
  readonly slow?: boolean;
  readonly handle: (context: RequestContext) => Promise<Reply>;
}
