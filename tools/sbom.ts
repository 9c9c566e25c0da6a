/**
 * `npm run --silent sbom > sbom.json`: what is installed with the package, as CycloneDX JSON.
 *
 * npm makes the list; `npm sbom --omit dev` leaves out whatever a development dependency needs as well. So npm is asked for all, and what
 * the package itself leads to is kept.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

interface Bom {
  readonly metadata: { readonly component: object };
  readonly components: ReadonlyArray<{ readonly 'bom-ref': string }>;
  readonly dependencies: ReadonlyArray<{ readonly ref: string; readonly dependsOn: readonly string[] }>;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

const own = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Manifest;
const text = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'], {
  cwd: new URL('..', import.meta.url),
  encoding: 'utf8',
  maxBuffer: 256 * 1024 * 1024,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const bom = JSON.parse(text) as Bom;

const edges = new Map(bom.dependencies.map(({ dependsOn, ref }) => [ref, dependsOn]));
const direct = Object.entries({ ...own.dependencies, ...own.optionalDependencies });
const reached = new Set<string>();
const waiting = direct.map(([name, version]) => `${name}@${version}`);
const roots = waiting.filter((ref) => edges.has(ref));
for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
  if (reached.has(ref)) continue;
  reached.add(ref);
  waiting.push(...(edges.get(ref) ?? []));
}

const self = `${own.name}@${own.version}`;
const kept = {
  ...bom,
  // npm names it after the directory that it lies in.
  metadata: { ...bom.metadata, component: { ...bom.metadata.component, name: own.name } },
  components: bom.components.filter((component) => reached.has(component['bom-ref'])),
  dependencies: bom.dependencies.flatMap((dependency) => {
    if (dependency.ref === self) return [{ ...dependency, dependsOn: roots }];
    return reached.has(dependency.ref) ? [dependency] : [];
  }),
};
process.stdout.write(`${JSON.stringify(kept, null, 2)}\n`);
