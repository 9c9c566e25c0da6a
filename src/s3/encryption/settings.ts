import type { MasterKeys } from './master-keys.ts';

/** What is configured about encryption. */
export interface EncryptionSettings {
  /** Whether customer-provided keys are taken over plain HTTP: for gateways behind something that ends TLS. */
  readonly customerKeysOverHttp: boolean;
  /** What becomes of `aws:kms` and `aws:kms:dsse`: a 501, or SSE-S3. */
  readonly kms: 'refuse' | 'AES256';
  /** Leaves SSE-S3 to backends that encrypt at rest. */
  readonly backendAtRest: boolean;
  readonly keys: MasterKeys;
  /** How a bucket wants writes encrypted that do not say. Absent: not at all. */
  readonly bucketDefault?: (bucket: string) => Promise<'AES256' | undefined>;
}
