/** The configuration once it is read and found sound. Plain data, so that it can be handed to worker processes as JSON. */

import type { Grant } from '../access/grants.ts';

export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A key of an identity. With a session token it is a temporary one. */
export interface KeyConfig extends Credential {
  readonly sessionToken?: string;
  /** ISO 8601. */
  readonly expiresAt?: string;
}

export interface IdentityConfig {
  readonly name: string;
  readonly displayName: string;
  readonly canonicalId: string;
  readonly administrator: boolean;
  readonly keys: readonly KeyConfig[];
  readonly grants: readonly Grant[];
}

interface NamedBackend {
  /** How `backend:` and `buckets:` refer to it. */
  readonly name: string;
  /** Put before every bucket name in the backend; may be empty. */
  readonly bucketPrefix: string;
  /** Buckets that are called otherwise in the backend: bucket → name there. */
  readonly bucketNames: Readonly<Record<string, string>>;
}

export interface LocalBackendConfig extends NamedBackend {
  readonly kind: 'local';
  /** Absolute path. */
  readonly root: string;
}

export interface AzureBackendConfig extends NamedBackend {
  readonly kind: 'azure';
  readonly connectionString: string | undefined;
  readonly account: string | undefined;
  readonly accountKey: string | undefined;
  readonly sasToken: string | undefined;
  /** Service URL, where it is not `https://<account>.blob.core.windows.net`. */
  readonly endpoint: string | undefined;
  readonly staging: 'private' | 'direct';
}

export interface GcsBackendConfig extends NamedBackend {
  readonly kind: 'gcs';
  readonly projectId: string | undefined;
  /** Absolute path of a service account's JSON key; without it Application Default Credentials are used. */
  readonly keyFile: string | undefined;
  /** Service URL, for emulators and private endpoints. */
  readonly endpoint: string | undefined;
  /** Where new buckets are made. */
  readonly location: string | undefined;
}

export type BackendConfig = LocalBackendConfig | AzureBackendConfig | GcsBackendConfig;

export interface BucketRouteConfig {
  /** An exact bucket name, or a pattern with `*`. */
  readonly pattern: string;
  /** Name of a backend. */
  readonly backend: string;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface MasterKeyConfig {
  readonly id: string;
  /** Base64 of 32 bytes. */
  readonly key: string;
}

export interface AccessPointConfig {
  readonly name: string;
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
  readonly outpost: string | undefined;
  readonly bucket: string;
}

export interface Config {
  /** The file it was read from, if any. */
  readonly file: string | undefined;
  readonly listen: { readonly host: string; readonly port: number };
  /** Absolute paths of PEM files. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly allowInsecureListen: boolean;
  readonly region: string;
  /** Regions accepted in a signature's scope besides `region`. */
  readonly acceptRegions: readonly string[];
  /** Domains whose sub-domains are buckets; lower case. */
  readonly baseDomains: readonly string[];
  /** Other names of buckets. */
  readonly accessPoints: readonly AccessPointConfig[];
  /** Addresses and CIDR ranges whose `X-Forwarded-*` headers are believed. */
  readonly trustedProxies: readonly string[];
  readonly allowSseCOverHttp: boolean;
  readonly encryption: {
    /** The first encrypts. Empty: one is generated in `stateDir`, unless uploads are in Redis. */
    readonly keys: readonly MasterKeyConfig[];
    readonly backendAtRest: boolean;
    readonly kms: 'refuse' | 'AES256';
  };
  /** Of the account itself. Empty, and no identity with a key: a pair is generated in `stateDir`. */
  readonly credentials: readonly Credential[];
  /** Twelve digits. */
  readonly accountId: string;
  readonly identities: readonly IdentityConfig[];
  /** What is allowed to requests that nobody signed. */
  readonly anonymous: readonly Grant[];
  /** Absolute path. */
  readonly stateDir: string;
  /** Processes that serve, at least 1. */
  readonly workers: number;
  readonly durability: 'full' | 'os';
  /** Computed for objects whose writer sent no checksum. */
  readonly defaultChecksum: 'CRC64NVME' | undefined;
  /** The default backend first. */
  readonly backends: readonly [BackendConfig, ...BackendConfig[]];
  /** Exact names before patterns, else in the order written; the first that matches wins. */
  readonly buckets: readonly BucketRouteConfig[];
  /** Undefined: uploads are kept by the embedded store in `stateDir`. */
  readonly redis: { readonly url: string; readonly keyPrefix: string } | undefined;
  readonly uploads: { readonly maxAgeMs: number; readonly retentionMs: number; readonly leaseMs: number };
  readonly janitor: { readonly intervalMs: number };
  /** Per worker process. */
  readonly limits: {
    readonly maxConnections: number;
    readonly maxRequests: number;
    readonly maxRequestsPerConnection: number;
    readonly maxRequestsPerIdentity: number | undefined;
    /** Bytes. */
    readonly maxMemory: number;
  };
  readonly timeouts: {
    readonly headersMs: number;
    readonly idleMs: number;
    readonly keepAliveMs: number;
    readonly backendMs: number;
    readonly redisMs: number;
    readonly drainMs: number;
  };
  readonly log: { readonly level: LogLevel; readonly format: 'json' | 'pretty' };
}
