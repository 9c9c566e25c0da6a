/** What comes with Partway: pinned, known, without code that runs at installation, and without a known weakness. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const repository = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Manifest;
const { packages } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly license?: string;
}

interface Bom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: { readonly purl: string } };
  readonly components: ReadonlyArray<{
    readonly name: string;
    readonly version: string;
    readonly purl: string;
  }>;
  readonly dependencies: ReadonlyArray<{ readonly ref: string; readonly dependsOn: readonly string[] }>;
}

interface Run {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

function npm(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile('npm', args, { cwd: repository, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), out, err });
    });
  });
}

const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

describe('package.json and package-lock.json', () => {
  it('name one version of every direct dependency', () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    for (const [name, version] of Object.entries({
      ...dependencies,
      ...optionalDependencies,
      ...devDependencies,
    })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });

  it('have a digest of everything that is installed', () => {
    const without = Object.entries(packages).filter(
      ([path, { integrity, link }]) =>
        path !== '' && link !== true && integrity === undefined && existsSync(join(repository, path)),
    );
    expect(without.map(([path]) => path)).toEqual([]);
    expect(Object.keys(packages).length).toBeGreaterThan(100);
  });

  it('run nothing at installation but what puts the pinned Node.js in place', () => {
    const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const allowed = Object.entries(manifest.allowScripts).filter(([, isAllowed]) => isAllowed);
    expect(allowed.map(([name]) => name)).toEqual(['node']);
    for (const [path, { dev }] of scripted) {
      const name = nameOf(path);
      // Said of each, yes or no; and none of them is installed with the package.
      expect(manifest.allowScripts, name).toHaveProperty(name);
      expect(dev, name).toBe(true);
    }
  });
});

describe('npm run sbom', () => {
  it('lists what is installed with the package, and what each of it needs', {
    timeout: 300_000,
  }, async () => {
    const { err, out, status } = await npm('run', '--silent', 'sbom');
    expect(status, err).toBe(0);
    const bom = JSON.parse(out) as Bom;
    expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: expect.stringMatching(/^1\.\d$/) });
    expect(bom.metadata.component.purl).toBe(`pkg:npm/${manifest.name}@${manifest.version}`);
    const listed = new Map(bom.components.map(({ name, version }) => [name, version]));
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      expect(listed.get(name), name).toBe(version);
    }
    // What is for working on it only is not in it.
    for (const name of ['vitest', 'typescript', 'azurite', '@biomejs/biome'])
      expect(listed.has(name), name).toBe(false);
    // Every package that npm would install without the development dependencies on this machine.
    const shipped = Object.entries(packages).filter(
      ([path, { dev, link }]) =>
        path !== '' && dev !== true && link !== true && existsSync(join(repository, path)),
    );
    expect(new Set(bom.components.map(({ name, version }) => `${name}@${version}`))).toEqual(
      new Set(shipped.map(([path, { version }]) => `${nameOf(path)}@${version}`)),
    );
    expect(bom.components.length).toBeGreaterThan(Object.keys(manifest.dependencies).length);
    for (const { name, purl } of bom.components) expect(purl, name).toMatch(/^pkg:npm\//);
    const own = bom.dependencies.find(({ ref }) => ref === `${manifest.name}@${manifest.version}`);
    for (const [name, version] of Object.entries(manifest.dependencies)) {
      expect(own?.dependsOn).toContain(`${name}@${version}`);
    }
  });
});

describe('npm audit', () => {
  it('knows of no weakness in anything that is installed', { timeout: 300_000 }, async (context) => {
    const { err, out, status } = await npm(
      'audit',
      '--json',
      '--audit-level=low',
      '--fetch-timeout=20000',
      '--fetch-retries=1',
    );
    const answer = parse(out);
    if (answer?.vulnerabilities === undefined) {
      const why = `npm audit could not ask: the registry gave no advisories (${(answer?.message ?? err).trim().split('\n')[0]})`;
      console.warn(`\n  NOT CHECKED: ${why}\n`);
      context.skip(why);
      return;
    }
    expect(Object.keys(answer.vulnerabilities)).toEqual([]);
    expect(status).toBe(0);
  });
});

interface AuditAnswer {
  readonly vulnerabilities?: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

function parse(text: string): AuditAnswer | undefined {
  try {
    return JSON.parse(text) as AuditAnswer;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
