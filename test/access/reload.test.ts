/** SIGHUP, as an operator sends it to a gateway in use. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { newClient } from '../kit/gateway.ts';
import { denied, identitiesYaml, keyOf, outcome, type SharedGateway, sharedGateway } from './kit.ts';

const newKey = { accessKeyId: 'NEWKEYOFALICE', secretAccessKey: 'the-new-secret-of-alice' };
const rotated = identitiesYaml.replace(
  `{ accessKeyId: KEYOFALICE, secretAccessKey: ${keyOf('alice').secretAccessKey} }`,
  `{ accessKeyId: ${newKey.accessKeyId}, secretAccessKey: ${newKey.secretAccessKey} }`,
);

/** Asked until it is so: each worker learns of it on its own. */
async function becomes(ask: () => Promise<unknown>, wanted: unknown): Promise<void> {
  await expect.poll(ask, { timeout: 60_000, interval: 20 }).toEqual(wanted);
}

describe.each([1, 2])('SIGHUP with %d processes', (workers) => {
  const shared: SharedGateway = sharedGateway('local', { workers });
  const clients: S3Client[] = [];
  const withKey = (credentials: { accessKeyId: string; secretAccessKey: string }): S3Client => {
    // A connection for each request: the processes take turns.
    const client = newClient(shared.gateway().endpoint, { credentials });
    clients.push(client);
    return client;
  };
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
  });
  const file = () => join(shared.deployment().dir, 'identities.yaml');
  const reload = async (yaml: string): Promise<void> => {
    await writeFile(file(), yaml);
    process.kill(shared.gateway().pid, 'SIGHUP');
  };
  /** The answers of as many connections as it takes to meet every process. */
  const everywhere = async (credentials: typeof newKey, Bucket: string): Promise<readonly string[]> => {
    const asked = Array.from({ length: workers * 3 }, () =>
      outcome(withKey(credentials).send(new GetObjectCommand({ Bucket, Key: 'key' }))),
    );
    return [...new Set(await Promise.all(asked))];
  };

  it('lets new keys in and old ones out, and drops no request', async () => {
    const Bucket = await shared.bucket();
    await shared.put(Bucket, 'key');
    expect(await everywhere(keyOf('alice'), Bucket)).toEqual(['ok']);
    expect(await everywhere(newKey, Bucket)).toEqual(['403 InvalidAccessKeyId']);

    let stop = false;
    const steady = (async () => {
      const seen = new Set<string>();
      while (!stop) seen.add(await outcome(shared.root.send(new GetObjectCommand({ Bucket, Key: 'key' }))));
      return seen;
    })();
    await reload(rotated);
    await becomes(() => everywhere(newKey, Bucket), ['ok']);
    await becomes(() => everywhere(keyOf('alice'), Bucket), ['403 InvalidAccessKeyId']);
    stop = true;
    expect([...(await steady)]).toEqual(['ok']);

    await reload(rotated.replace('actions: [list, read, write]', 'actions: [list]'));
    await becomes(() => everywhere(newKey, Bucket), [denied]);
    await reload(identitiesYaml);
    await becomes(() => everywhere(keyOf('alice'), Bucket), ['ok']);
  });

  it('keeps the old ones when the new file is not sound, and says why, without secrets', async () => {
    const Bucket = await shared.bucket();
    await shared.put(Bucket, 'key');
    const secret = 'a-secret-in-a-broken-file';
    await reload(
      `${identitiesYaml}identities:\n  - name: eve\n    keys: [{ accessKeyId: EVE, secretAccessKey: ${secret} }]\n`,
    );
    await becomes(
      async () => shared.gateway().output().includes('identities and certificate stay as they were'),
      true,
    );
    expect(await everywhere(keyOf('alice'), Bucket)).toEqual(['ok']);
    expect(await everywhere({ accessKeyId: 'EVE', secretAccessKey: secret }, Bucket)).toEqual([
      '403 InvalidAccessKeyId',
    ]);
    const output = shared.gateway().output();
    expect(output).toContain('the same key is given twice');
    expect(output).not.toContain(secret);
    for (const line of (await readFile(file(), 'utf8')).matchAll(/secretAccessKey: ([\w-]+)/g)) {
      expect(output).not.toContain(line[1]);
    }
    await reload(identitiesYaml);
    await becomes(async () => shared.gateway().output().split('identities were read again').length > 1, true);
  });

  it('names the identity of each request in the log', async () => {
    const Bucket = await shared.bucket();
    await outcome(shared.as('alice').send(new GetObjectCommand({ Bucket, Key: 'of-the-log' })));
    const line = () =>
      shared
        .gateway()
        .output()
        .split('\n')
        .find((each) => each.includes('of-the-log'));
    await becomes(async () => line() !== undefined, true);
    expect(JSON.parse(line() ?? '')).toMatchObject({
      identity: 'alice',
      accessKeyId: 'KEYOFALICE',
      error: 'NoSuchKey',
    });
  });
});
