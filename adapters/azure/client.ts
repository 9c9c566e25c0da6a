/** The SDK's client, built from whatever credentials are configured, and how a copy's source is authorised. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  type BlockBlobClient,
  newPipeline,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { AdapterError } from '../errors.ts';

/** Anything that gives Microsoft Entra tokens, such as the credentials of `@azure/identity`. */
export interface TokenSource {
  getToken(
    scopes: string | string[],
    options?: object,
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}

export interface AzureAccess {
  /** A client of your own. Nothing else of this is read then. */
  readonly client?: BlobServiceClient | undefined;
  readonly connectionString?: string | undefined;
  /** Name of the storage account. */
  readonly account?: string | undefined;
  /** Blob service URL, where it is not `https://<account>.blob.core.windows.net`. */
  readonly endpoint?: string | undefined;
  readonly accountKey?: string | undefined;
  /** Account SAS, with or without its `?`. */
  readonly sasToken?: string | undefined;
  /** Used when there is neither key nor SAS. Default: `DefaultAzureCredential` of the optional package `@azure/identity`. */
  readonly credential?: TokenSource | undefined;
}

/** "Authorize with Microsoft Entra ID": the scope of every storage account. */
const storageScope = 'https://storage.azure.com/.default';
/** Free sockets older than this are not used again: the service may have closed them. */
const freeSocketMs = 30_000;
const sourceSasMs = 24 * 3_600_000;

export interface Connection {
  readonly service: BlobServiceClient;
  /** URL and authorisation under which the service itself reads `blob` as the source of a copy. */
  source(blob: BlockBlobClient): Promise<CopySource>;
  close(): void;
}

export interface CopySource {
  readonly url: string;
  readonly sourceAuthorization?: { readonly scheme: string; readonly value: string };
}

export async function connect(access: AzureAccess): Promise<Connection> {
  if (access.client !== undefined) return connection(access.client, () => undefined);
  const parsed =
    access.connectionString === undefined ? access : readConnectionString(access.connectionString);
  const { account, accountKey, sasToken } = parsed;
  const endpoint = parsed.endpoint ?? (account && `https://${account}.blob.core.windows.net`);
  if (endpoint === undefined || endpoint === '')
    throw new AdapterError(
      'Internal',
      access.connectionString === undefined
        ? 'no storage account: give a connection string, an account or an endpoint'
        : 'the connection string names no account: copy it whole (DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…)',
    );
  const agent = new (endpoint.startsWith('https:') ? HttpsAgent : HttpAgent)({
    keepAlive: true,
    timeout: freeSocketMs,
  });
  // The SDK hands its options on to the HTTP pipeline, which takes an agent. Retries are ours: they are jittered, obey
  // Retry-After and know what may be sent twice.
  const options: StoragePipelineOptions & { readonly agent: HttpAgent } = {
    agent,
    retryOptions: { maxTries: 1 },
  };
  const close = (): void => agent.destroy();
  if (accountKey !== undefined && account !== undefined) {
    const credential = new StorageSharedKeyCredential(account, accountKey);
    return connection(new BlobServiceClient(endpoint, newPipeline(credential, options)), close);
  }
  if (sasToken !== undefined) {
    const url = `${endpoint.replace(/\/$/, '')}?${sasToken.replace(/^\?/, '')}`;
    return connection(new BlobServiceClient(url, newPipeline(new AnonymousCredential(), options)), close);
  }
  const credential = access.credential ?? (await ambientCredential());
  return connection(new BlobServiceClient(endpoint, newPipeline(credential, options)), close);
}

function connection(service: BlobServiceClient, close: () => void): Connection {
  const { credential } = service;
  return {
    service,
    close,
    async source(blob) {
      // "Copy Blob From URL", "Put Block From URL": the source is authorised by a SAS or a bearer token of its own.
      if (credential instanceof StorageSharedKeyCredential) {
        const permissions = BlobSASPermissions.from({ read: true });
        const expiresOn = new Date(Date.now() + sourceSasMs);
        return { url: await blob.generateSasUrl({ permissions, expiresOn }) };
      }
      if ('getToken' in credential) {
        const token = await credential.getToken(storageScope);
        if (token === null)
          throw new AdapterError('Forbidden', 'the Azure identity gave no token for the storage account');
        return { url: blob.url, sourceAuthorization: { scheme: 'Bearer', value: token.token } };
      }
      return { url: blob.url };
    },
  };
}

/** "Configure Azure Storage connection strings": `Name=value` pairs between semicolons. */
function readConnectionString(text: string): AzureAccess {
  const pairs = new Map(
    text
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair !== '')
      .map((pair) => {
        const cut = pair.indexOf('=');
        return [pair.slice(0, cut).toLowerCase(), pair.slice(cut + 1)] as const;
      }),
  );
  if (pairs.get('usedevelopmentstorage')?.toLowerCase() === 'true')
    throw new AdapterError(
      'Internal',
      'UseDevelopmentStorage=true is not understood: give AccountName, AccountKey and BlobEndpoint of the emulator',
    );
  const account = pairs.get('accountname');
  const protocol = pairs.get('defaultendpointsprotocol') ?? 'https';
  const suffix = pairs.get('endpointsuffix') ?? 'core.windows.net';
  return {
    account,
    accountKey: pairs.get('accountkey'),
    sasToken: pairs.get('sharedaccesssignature'),
    endpoint: pairs.get('blobendpoint') ?? (account && `${protocol}://${account}.blob.${suffix}`),
  };
}

async function ambientCredential(): Promise<TokenSource> {
  // By a variable, so that neither the compiler nor a bundler asks for the optional package.
  const name = '@azure/identity';
  let identity: unknown;
  try {
    identity = await import(name);
  } catch (cause) {
    throw new AdapterError(
      'Forbidden',
      `no key and no SAS is configured for Azure, and the package ${name}, which finds managed and workload identities, is not installed: npm install ${name}`,
      { cause },
    );
  }
  const { DefaultAzureCredential } = identity as { DefaultAzureCredential: new () => TokenSource };
  return new DefaultAzureCredential();
}
