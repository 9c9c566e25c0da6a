import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createServer, type Server } from 'node:tls';
import { CreateBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { debian } from './kit/install.ts';
import { type RunResult, run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';
import { sdkClient } from './kit/target.ts';

/** pgBackRest speaks HTTPS only: TLS ends here, in front of the gateway. */
async function tlsInFrontOf(endpoint: string, directory: string): Promise<{ server: Server; port: number }> {
  const [key, cert] = [path.join(directory, 'key.pem'), path.join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-keyout', key, '-out', cert];
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject]);
  const { hostname, port } = new URL(endpoint);
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, (socket) => {
    const inner = connect(Number(port), hostname);
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}

async function postgresPrograms(): Promise<string> {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? await readdir(root) : [];
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Error('PostgreSQL is not where Debian puts it');
  return path.join(root, newest, 'bin');
}

await clientSuite(
  {
    name: 'pgBackRest',
    install: debian('pgbackrest', 'pgbackrest', { also: ['postgresql'] }),
    must: false,
  },
  (use) => {
    let home: string;
    let front: { server: Server; port: number };
    let programs: string;
    /** The server refuses to run as root. */
    const asPostgres = (command: string, args: readonly string[]): Promise<RunResult> =>
      process.getuid?.() === 0
        ? run('runuser', ['-u', 'postgres', '--', command, ...args], { cwd: home, env: { HOME: home } })
        : run(command, args, { cwd: home, env: { HOME: home } });
    const pgbackrest = (...args: readonly string[]): Promise<RunResult> =>
      asPostgres(use().program, [`--config=${path.join(home, 'pgbackrest.conf')}`, '--stanza=main', ...args]);
    const sql = (text: string): Promise<RunResult> =>
      asPostgres(path.join(programs, 'psql'), ['-h', home, '-d', 'postgres', '-At', '-c', text]);
    const server = (action: 'start' | 'stop'): Promise<RunResult> => {
      const options = ['-D', path.join(home, 'data'), '-l', path.join(home, 'server.log'), '-w'];
      return asPostgres(path.join(programs, 'pg_ctl'), [
        action,
        ...options,
        ...(action === 'stop' ? ['-m', 'fast'] : []),
      ]);
    };

    beforeAll(async () => {
      const { target, bucket } = use();
      programs = await postgresPrograms();
      // Short, for the name of a socket; and one that the server's own user can reach.
      home = await mkdtemp(path.join(tmpdir(), 'partway-pg-'));
      await chmod(home, 0o755);
      front = await tlsInFrontOf(target.endpoint, home);
      const client = sdkClient(target);
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      client.destroy();
      const settings = [
        '[global]',
        'repo1-type=s3',
        'repo1-path=/backups',
        `repo1-s3-bucket=${bucket}`,
        'repo1-s3-endpoint=localhost',
        `repo1-storage-port=${front.port}`,
        'repo1-storage-host=127.0.0.1',
        'repo1-storage-verify-tls=n',
        'repo1-s3-uri-style=path',
        `repo1-s3-region=${target.region}`,
        `repo1-s3-key=${target.accessKeyId}`,
        `repo1-s3-key-secret=${target.secretAccessKey}`,
        'repo1-retention-full=1',
        'start-fast=y',
        'process-max=2',
        `log-path=${home}/log`,
        `lock-path=${home}/lock`,
        `spool-path=${home}/spool`,
        '[main]',
        `pg1-path=${home}/data`,
        `pg1-socket-path=${home}`,
        '',
      ];
      await writeFile(path.join(home, 'pgbackrest.conf'), settings.join('\n'));
      for (const name of ['data', 'log', 'lock', 'spool'])
        await mkdir(path.join(home, name), { mode: 0o700 });
      if (process.getuid?.() === 0) {
        const [user = 0, group = 0] = (await run('sh', ['-c', 'id -u postgres; id -g postgres'])).stdout
          .trim()
          .split('\n')
          .map(Number);
        for (const name of ['.', 'data', 'log', 'lock', 'spool'])
          await chown(path.join(home, name), user, group);
      }
      await asPostgres(path.join(programs, 'initdb'), [
        '-D',
        path.join(home, 'data'),
        '-A',
        'trust',
        '-U',
        'postgres',
      ]);
      const archive = `${use().program} --config=${home}/pgbackrest.conf --stanza=main archive-push %p`;
      const configuration = [
        `listen_addresses = ''`,
        `unix_socket_directories = '${home}'`,
        'wal_level = replica',
        'archive_mode = on',
        `archive_command = '${archive}'`,
        '',
      ].join('\n');
      await writeFile(path.join(home, 'data/postgresql.auto.conf'), configuration);
      await server('start');
    });
    afterAll(async () => {
      if (home === undefined) return;
      if (existsSync(path.join(home, 'data/postmaster.pid'))) await server('stop');
      front?.server.close();
      await rm(home, { recursive: true, force: true });
    });

    test('stanza-create and check: the log of writes arrives in the bucket', async () => {
      await pgbackrest('stanza-create');
      await pgbackrest('check');
      const client = sdkClient(use().target);
      const listed = await client.send(
        new ListObjectsV2Command({ Bucket: use().bucket, Prefix: 'backups/archive/' }),
      );
      client.destroy();
      expect(listed.KeyCount).toBeGreaterThan(2);
    });

    test('a full backup, then an incremental one of what changed', async () => {
      // Some 40 MB that do not compress: files that are sent in parts.
      await sql(
        "create table t as select i, string_agg(md5(random()::text), '') as noise from generate_series(1, 2000) i, generate_series(1, 600) j group by i",
      );
      await pgbackrest('--type=full', 'backup');
      await sql("insert into t values (-1, 'written later')");
      await pgbackrest('--type=incr', 'backup');
      const [{ backup }] = JSON.parse((await pgbackrest('--output=json', 'info')).stdout);
      expect(backup.map(({ type }: { type: string }) => type)).toEqual(['full', 'incr']);
      await pgbackrest('verify');
    });

    test('restore: the database as it was, with what was written since the backup', async () => {
      await sql("insert into t values (-2, 'after the backups')");
      await sql('select pg_switch_wal()');
      const before = (await sql('select count(*), md5(string_agg(noise, i::text order by i)) from t')).stdout;
      await server('stop');
      await rm(path.join(home, 'data'), { recursive: true, force: true });
      await asPostgres('mkdir', ['-m', '0700', path.join(home, 'data')]);
      await pgbackrest('restore');
      await server('start');
      await expect
        .poll(async () => (await sql('select pg_is_in_recovery()')).stdout.trim(), { timeout: 60_000 })
        .toBe('f');
      expect((await sql('select count(*), md5(string_agg(noise, i::text order by i)) from t')).stdout).toBe(
        before,
      );
    });

    test('a new full backup expires the old ones, and nothing is left of a stanza that is deleted', async () => {
      await pgbackrest('--type=full', 'backup');
      const [{ backup }] = JSON.parse((await pgbackrest('--output=json', 'info')).stdout);
      expect(backup.map(({ type }: { type: string }) => type)).toEqual(['full']);
      await server('stop');
      await pgbackrest('stop');
      await pgbackrest('--force', 'stanza-delete');
      const client = sdkClient(use().target);
      const listed = await client.send(new ListObjectsV2Command({ Bucket: use().bucket }));
      client.destroy();
      expect(listed.Contents ?? []).toEqual([]);
    });
  },
);
