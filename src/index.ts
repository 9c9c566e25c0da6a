/**
 * Partway as a library: the gateway inside another program (docs/embedding.md). Importing this reads no configuration,
 * opens nothing, and loads no cloud SDK: adapters and upload stores load when they are made.
 */
import type { AzureAdapterOptions } from '../adapters/azure/index.ts';
import type { GcsOptions } from '../adapters/gcs/index.ts';
import type { LocalOptions } from '../adapters/local/index.ts';
import type { StorageAdapter } from '../adapters/types.ts';
import type { EmbeddedStoreOptions } from './uploads/embedded/index.ts';
import type { RedisStoreOptions } from './uploads/redis/index.ts';
import type { UploadStore } from './uploads/types.ts';

export { AdapterError, isAdapterError } from '../adapters/errors.ts';
export type * from '../adapters/types.ts';
export { compileGrants, type Grant, type Grants } from './access/grants.ts';
export { type AppOptions, createApp } from './app.ts';
export {
  type CredentialSource,
  credentialSource,
  type Identity,
  Secret,
  type User,
} from './auth/credentials.ts';
export { type Background, createBackground } from './background.ts';
export { type Config, ConfigError, type Credential, type LoadOptions, loadConfig } from './config.ts';
export { createGateway, type RunningGateway } from './gateway.ts';
export { AccessPoints } from './http/access-points.ts';
export type { Admission } from './identities.ts';
export { createLogger, type Logger, type LogOptions } from './log.ts';
export type { AccessSettings } from './s3/access/settings.ts';
export { type BucketDocuments, createBucketDocuments } from './s3/bucket/documents.ts';
export { type MasterKey, MasterKeys } from './s3/encryption/master-keys.ts';
export type { EncryptionSettings } from './s3/encryption/settings.ts';
export type { Gateway, GatewaySettings, Owner } from './s3/operation.ts';
export type { App, RequestEnv } from './server/env.ts';
export { createServer, type GatewayServer, type ServerOptions } from './server.ts';
export {
  type BucketNames,
  type BucketRoute,
  createStorage,
  mappedNames,
  prefixedNames,
  type Storage,
  type StorageBackend,
} from './storage.ts';
export { createJanitor, type Janitor } from './uploads/janitor.ts';
export type { UploadStore } from './uploads/types.ts';
export type { AzureAdapterOptions, EmbeddedStoreOptions, GcsOptions, LocalOptions, RedisStoreOptions };

/** Objects in a local directory. */
export async function createLocalAdapter(options: LocalOptions): Promise<StorageAdapter> {
  const adapter = await import('../adapters/local/index.ts');
  return adapter.createLocalAdapter(options);
}

/** Objects in Azure block blobs. */
export async function createAzureAdapter(options: AzureAdapterOptions): Promise<StorageAdapter> {
  const adapter = await import('../adapters/azure/index.ts');
  return adapter.createAzureAdapter(options);
}

/** Objects in Google Cloud Storage. */
export async function createGcsAdapter(options: GcsOptions = {}): Promise<StorageAdapter> {
  const adapter = await import('../adapters/gcs/index.ts');
  return adapter.createGcsAdapter(options);
}

/** Open uploads in one SQLite file, for one machine. */
export async function createEmbeddedStore(options: EmbeddedStoreOptions): Promise<UploadStore> {
  const store = await import('./uploads/embedded/index.ts');
  return store.createEmbeddedStore(options);
}

/** Open uploads in Redis, for any number of gateways. */
export async function createRedisStore(options: RedisStoreOptions): Promise<UploadStore> {
  const store = await import('./uploads/redis/index.ts');
  return store.createRedisStore(options);
}
