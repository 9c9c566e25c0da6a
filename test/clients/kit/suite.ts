/** The frame of every client's tests: get the client, then run its cases against each target that is wanted. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, inject } from 'vitest';
import type { ClientData, DataFile } from './data.ts';
import { emptyDirectory } from './files.ts';
import type { Installer } from './install.ts';
import type { Backend, Target } from './target.ts';

declare module 'vitest' {
  interface ProvidedContext {
    data: ClientData;
    targets: Record<string, Target>;
    /** A bucket that holds `listingKeys`, on every target. Read it, leave it. */
    listing: { bucket: string; count: number };
  }
}

export interface ClientSpec {
  readonly name: string;
  readonly install: Installer;
  /** Under CI=true a client that can't be installed fails the run. */
  readonly must: boolean;
  /** Backends beside the local directory that this client's cases run on. */
  readonly alsoOn?: readonly Backend[];
}

export interface Setting {
  /** Path of the installed client. */
  readonly program: string;
  readonly target: Target;
  /** A bucket name of this run's own; the client makes and removes the bucket. */
  readonly bucket: string;
  /** A directory of this client's own, removed at the end. It is the client's HOME too. */
  readonly work: string;
  /** The large file and the large tree on a local directory, the small ones on emulators. */
  readonly file: DataFile;
  readonly tree: string;
  readonly listing: { readonly bucket: string; readonly count: number };
  /** Environment variables that the AWS SDKs and command lines read. */
  readonly aws: Readonly<Record<string, string>>;
}

/** The keys of the listing bucket, in S3's order. */
export function listingKeys(count: number): string[] {
  return Array.from(
    { length: count },
    (_, i) => `dir-${String(i % 50).padStart(2, '0')}/key ${String(i).padStart(5, '0')}`,
  ).sort();
}

/**
 * Declares a client's cases once per target. A client that can't be had is skipped, loudly, and is a failure
 * under CI=true if it is on the must-have list.
 */
export async function clientSuite(spec: ClientSpec, cases: (use: () => Setting) => void): Promise<void> {
  const installed = await spec.install();
  if ('missing' in installed) {
    const line = `${spec.name}: THESE TESTS DO NOT RUN: ${installed.missing}`;
    process.stderr.write(`\n!!! ${line}\n\n`);
    if (spec.must && process.env['CI'] === 'true') throw new Error(line);
    describe.skip(`${spec.name} (not installed)`, () => cases(() => unreachable()));
    return;
  }
  const { program } = installed;
  const targets = inject('targets');
  const wanted = ['external', 'local', ...(spec.alsoOn ?? [])].filter((name) => name in targets);
  if (wanted.length === 0)
    describe.skip(`${spec.name} (not on the backends of this run)`, () => cases(() => unreachable()));
  for (const name of wanted) {
    describe(`${spec.name} on ${name}`, () => {
      let setting: Setting | undefined;
      beforeAll(async () => {
        setting = await makeSetting(spec, program, targets, name);
      });
      afterAll(async () => {
        if (setting !== undefined) await rm(setting.work, { recursive: true, force: true });
      });
      cases(() => setting ?? unreachable());
    });
  }
}

function unreachable(): never {
  throw new Error('the setting is there while tests run, not before');
}

async function makeSetting(
  spec: ClientSpec,
  program: string,
  targets: Record<string, Target>,
  name: string,
): Promise<Setting> {
  const target = targets[name];
  if (target === undefined) throw new Error(`no target ${name}`);
  const data = inject('data');
  const slug = spec.name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const small = name === 'azure' || name === 'gcs';
  const work = await emptyDirectory(path.join(data.work, `${slug}-${name}`));
  return {
    program,
    target,
    bucket: `${slug}-${randomBytes(4).toString('hex')}`,
    work,
    file: small ? data.medium : data.big,
    tree: small ? data.smallTree : data.tree,
    listing: inject('listing'),
    aws: {
      HOME: work,
      AWS_ACCESS_KEY_ID: target.accessKeyId,
      AWS_SECRET_ACCESS_KEY: target.secretAccessKey,
      AWS_REGION: target.region,
      AWS_DEFAULT_REGION: target.region,
      AWS_ENDPOINT_URL: target.endpoint,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: path.join(work, 'aws-config'),
      AWS_SHARED_CREDENTIALS_FILE: path.join(work, 'aws-credentials'),
      AWS_PAGER: '',
      AWS_MAX_ATTEMPTS: '1',
    },
  };
}
