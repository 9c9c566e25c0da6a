/** Clients that use host names of any kind and dial the gateway all the same, as a resolver or a proxy of one's own would have it. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import {
  credentials,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';

export const account = '123456789012';
export const outpost = 'op-01234567890123456';

export interface HostsGateway extends RunningGateway, AsyncDisposable {
  /** Without an endpoint it asks for hosts of Amazon. */
  clientOf(config: S3ClientConfig): S3Client;
  /** Status, and the answer's text. */
  curl(url: string, ...options: readonly string[]): Promise<{ status: number; text: string }>;
}

/** May use the bucket `machines`, and no other. */
export const mechanic = { accessKeyId: 'MECHANIC', secretAccessKey: 'secret-of-the-mechanic' };

/** A gateway for `s3.example.com`, with access points to the buckets `ledger` and `machines`. */
export async function startHostsGateway(env: Record<string, string> = {}): Promise<HostsGateway> {
  const deployment = await newDeployment();
  await writeFile(
    join(deployment.dir, 'partway.yaml'),
    `baseDomains: [s3.example.com]
accessPoints:
  - { name: finance, account: '${account}', bucket: ledger }
  - { name: plant, account: '${account}', outpost: ${outpost}, bucket: machines }
identities:
  - name: mechanic
    keys:
      - { accessKeyId: ${mechanic.accessKeyId}, secretAccessKey: ${mechanic.secretAccessKey} }
    grants:
      - { buckets: [machines], actions: [list, read, write] }
`,
  );
  const gateway = await startGateway({ deployment, env });
  const clients: S3Client[] = [];
  const dial = () => connect(gateway.port, '127.0.0.1');
  // SDKs insist on HTTPS at Amazon's hosts: what would be said through TLS is said plainly.
  const agents = { httpAgent: new Agent(), httpsAgent: new TlsAgent() };
  agents.httpAgent.createConnection = dial;
  agents.httpsAgent.createConnection = dial;
  return {
    ...gateway,
    clientOf(config) {
      const client = new S3Client({
        region: 'us-east-1',
        credentials,
        maxAttempts: 1,
        requestHandler: agents,
        ...config,
      });
      clients.push(client);
      return client;
    },
    async curl(url, ...options) {
      const { hostname } = new URL(url);
      const { stdout } = await promisify(execFile)('curl', [
        '--silent',
        '--show-error',
        '--noproxy',
        '*',
        '--connect-to',
        `${hostname}:80:127.0.0.1:${gateway.port}`,
        '--user',
        `${credentials.accessKeyId}:${credentials.secretAccessKey}`,
        '--write-out',
        '\n%{http_code}',
        ...options,
        url,
      ]);
      const end = stdout.lastIndexOf('\n');
      return { status: Number(stdout.slice(end + 1)), text: stdout.slice(0, end) };
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      agents.httpAgent.destroy();
      agents.httpsAgent.destroy();
      await gateway.stop();
      await removeDeployment(deployment);
    },
  };
}
