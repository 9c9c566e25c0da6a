import { describe, expect, it, vi } from 'vitest';
import { type GatewayOptions, newDeployment, removeDeployment, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';
import { putDocument } from './kit.ts';

const documents: Readonly<Record<string, string>> = {
  cors: '<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>',
  tagging: '<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>',
  encryption:
    '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
  lifecycle:
    '<LifecycleConfiguration><Rule><ID>r</ID><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>',
  publicAccessBlock:
    '<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>',
};

/** What one gateway was told, another one knows, at once or after a restart. */
export function sharingTests(options: GatewayOptions): void {
  describe('configuration of a bucket', () => {
    it('is shared by replicas, outlives them, and goes with the bucket', async () => {
      const deployment = await newDeployment();
      // Replicas that share a directory share a store too.
      const shared = {
        ...options,
        deployment,
        store: 'redis',
        env: { PARTWAY_ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}` },
      } as const;
      try {
        const [one, two] = await Promise.all([startGateway(shared), startGateway(shared)]);
        const bucket = `shared-${deployment.name}`;
        const path = `/${bucket}`;
        const read = async (endpoint: string, sub: string) =>
          (await send(endpoint, { method: 'GET', path, query: { [sub]: '' } })).text.replace(
            /<RequestId>.*/,
            '',
          );
        const told = new Map<string, string>();
        try {
          await send(one.endpoint, { method: 'PUT', path });
          for (const [sub, document] of Object.entries(documents)) {
            expect((await putDocument(one, path, sub, document)).status).toBeLessThan(300);
            told.set(sub, await read(one.endpoint, sub));
            // What the other remembers is at most two seconds old.
            await vi.waitFor(async () => expect(await read(two.endpoint, sub)).toBe(told.get(sub)), {
              timeout: 60_000,
              interval: 100,
            });
          }
        } finally {
          await Promise.all([one.stop(), two.stop()]);
        }
        const again = await startGateway(shared);
        try {
          for (const [sub, text] of told) expect(await read(again.endpoint, sub)).toBe(text);
          expect((await send(again.endpoint, { method: 'DELETE', path })).status).toBe(204);
          await send(again.endpoint, { method: 'PUT', path });
          for (const sub of told.keys()) expect(await read(again.endpoint, sub)).toMatch(/<Code>/);
        } finally {
          await again.stop();
        }
      } finally {
        await removeDeployment(deployment);
      }
    }, 60_000);
  });
}
