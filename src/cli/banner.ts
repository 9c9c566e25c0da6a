/** What a person gets to read on standard output. The log has none of it. */
import type { AddressInfo } from 'node:net';
import { relative } from 'node:path';
import type { GeneratedCredential } from '../config/generated.ts';
import { isLoopback } from '../config/values.ts';
import type { BackendConfig, Config, Credential } from '../config.ts';

/** `https://[::1]:9000` */
export function endpoint(config: Config, address: AddressInfo): string {
  const { host } = config.listen;
  const name = host.includes(':') ? `[${host}]` : host;
  return `${config.tls === undefined ? 'http' : 'https'}://${name}:${address.port}`;
}

export function banner(
  version: string,
  config: Config,
  address: AddressInfo,
  generated: GeneratedCredential | undefined,
): string {
  const lines = [
    `Partway ${version} serves S3 on ${endpoint(config, address)}`,
    '',
    ...config.backends.map(
      (backend, index) => `  ${index === 0 ? 'objects   ' : '          '}  ${describeBackend(backend)}`,
    ),
    `  uploads     ${config.redis === undefined ? `embedded store in ${shortPath(config.stateDir)}` : 'Redis'}`,
    `  processes   ${config.workers}`,
    `  keys        ${describeKeys(config, generated)}`,
  ];
  if (generated?.isNew === true) {
    lines.push(
      '',
      'No credentials were configured, so a key pair was made. To use it, paste:',
      '',
      ...indent(credentialCommands(generated.credential, config.region)),
      '',
      ...indent(exampleCommands(config, address)),
    );
  }
  return `\n${lines.join('\n')}\n\n`;
}

function describeKeys(config: Config, generated: GeneratedCredential | undefined): string {
  if (generated !== undefined)
    return `${generated.credential.accessKeyId}, generated; its secret is in ${shortPath(generated.file)}`;
  const { credentials, identities } = config;
  return [...credentials.map(({ accessKeyId }) => accessKeyId), ...identities.map(({ name }) => name)].join(
    ', ',
  );
}

export function describeBackend(backend: BackendConfig): string {
  const name = backend.name === backend.kind ? '' : ` (${backend.name})`;
  switch (backend.kind) {
    case 'local':
      return `local directory ${shortPath(backend.root)}${name}`;
    case 'azure':
      return `Azure block blobs${backend.account === undefined ? '' : ` of ${backend.account}`}${name}`;
    case 'gcs':
      return `Google Cloud Storage${backend.projectId === undefined ? '' : ` of ${backend.projectId}`}${name}`;
  }
}

/** Shell commands that let AWS's tools use the pair. */
export function credentialCommands(credential: Credential, region: string): readonly string[] {
  return [
    `export AWS_ACCESS_KEY_ID=${credential.accessKeyId}`,
    `export AWS_SECRET_ACCESS_KEY=${credential.secretAccessKey}`,
    `export AWS_REGION=${region} AWS_DEFAULT_REGION=${region}`,
  ];
}

function exampleCommands(config: Config, address: AddressInfo): readonly string[] {
  const { host } = config.listen;
  // A server on all addresses is reached here by the loopback one.
  const local = isLoopback(host) ? config : { ...config, listen: { ...config.listen, host: '127.0.0.1' } };
  const aws = `aws --endpoint-url ${endpoint(local, address)} s3`;
  return [`${aws} mb s3://my-bucket`, `${aws} cp README.md s3://my-bucket/`];
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

/** Relative to where we are, if it lies below. */
function shortPath(path: string): string {
  const way = relative(process.cwd(), path);
  return way === '' || way.startsWith('..') ? path : `./${way}`;
}
