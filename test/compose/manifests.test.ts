/** examples/kubernetes: the manifests against Kubernetes' own schemas, against each other, and against the settings. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ConfigError, loadConfig } from '../../src/config.ts';
import { pypi } from '../clients/kit/install.ts';
import { run } from '../clients/kit/run.ts';
import { repository } from './engine.ts';

const directory = join(repository, 'examples/kubernetes');
const files = ['partway.yaml', 'redis.yaml'].map((name) => join(directory, name));

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly stringData?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Spec;
}

interface Spec {
  readonly selector?: Readonly<Record<string, unknown>>;
  readonly podSelector?: { readonly matchLabels: object };
  readonly ports?: readonly { readonly targetPort: string }[];
  readonly template?: {
    readonly metadata: { readonly labels: object };
    readonly spec: {
      readonly containers: readonly [Container];
      readonly volumes?: readonly {
        readonly name: string;
        readonly configMap?: { readonly name: string };
        readonly secret?: { readonly secretName: string };
      }[];
    };
  };
}

interface Container {
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly ports: readonly { readonly name: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

const manifests: readonly Manifest[] = (
  await Promise.all(
    files.map(async (file) =>
      parseAllDocuments(await readFile(file, 'utf8')).map((document) => document.toJS() as Manifest),
    ),
  )
).flat();

function manifest(kind: string, name = 'partway'): Manifest {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

function podOf(kind: string, name: string) {
  const template = manifest(kind, name).spec?.template;
  if (template === undefined) throw new Error(`${kind} ${name} has no pods`);
  return { labels: template.metadata.labels, spec: template.spec, container: template.spec.containers[0] };
}

describe('examples/kubernetes', () => {
  it.each(['1.28', '1.33', '1.37'])('keeps the schemas of Kubernetes %s', async (version) => {
    const validate = await pypi('kubernetes', ['kubernetes-validate==1.37.0'], 'kubernetes-validate')();
    if ('missing' in validate) throw new Error(validate.missing);
    const { output } = await run(validate.program, ['--strict', '-k', version, ...files]);
    expect(output.match(/ passed for /g)).toHaveLength(manifests.length);
  });

  it.each([
    ['Deployment', 'partway', ['Deployment', 'PodDisruptionBudget', 'Service']],
    ['StatefulSet', 'partway-redis', ['StatefulSet', 'Service', 'NetworkPolicy']],
  ])('selects the pods of %s %s', (kind, name, selectors) => {
    const { labels, container } = podOf(kind, name);
    for (const by of selectors) {
      const { selector, podSelector, ports } = manifest(by, name).spec ?? {};
      expect(labels, by).toMatchObject(
        podSelector?.matchLabels ?? selector?.['matchLabels'] ?? selector ?? {},
      );
      for (const { targetPort } of (by === 'Service' && ports) || [])
        expect(container.ports.map((port) => port.name)).toContain(targetPort);
    }
  });

  it('makes a sound configuration once it is filled in, and none before', async () => {
    const { spec, container } = podOf('Deployment', 'partway');
    const work = await mkdtemp(join(tmpdir(), 'partway-manifests-'));
    try {
      const mounted = new Map<string, Readonly<Record<string, string>>>();
      for (const { name, mountPath } of container.volumeMounts) {
        const volume = spec.volumes?.find((each) => each.name === name);
        const content =
          volume?.configMap === undefined
            ? manifest('Secret', volume?.secret?.secretName).stringData
            : manifest('ConfigMap', volume.configMap.name).data;
        mounted.set(mountPath, content ?? {});
      }
      const load = async (filled: Readonly<Record<string, string>>) => {
        const env: Record<string, string> = { PARTWAY_LISTEN: '0.0.0.0:9000', PARTWAY_STATE_DIR: '/state' };
        for (const { name, value, valueFrom } of container.env ?? []) {
          if (valueFrom !== undefined) {
            const { stringData } = manifest('Secret', valueFrom.secretKeyRef.name);
            env[name] =
              filled[valueFrom.secretKeyRef.key] ?? stringData?.[valueFrom.secretKeyRef.key] ?? 'missing';
          } else if (value !== undefined) {
            const key = value.slice(dirname(value).length + 1);
            env[name] = join(work, key);
            await writeFile(join(work, key), filled[key] ?? mounted.get(dirname(value))?.[key] ?? 'missing');
          }
        }
        await writeFile(
          join(work, 'partway.yaml'),
          mounted.get('/etc/partway')?.['partway.yaml'] ?? 'missing',
        );
        return loadConfig({ env, cwd: work });
      };
      await expect(load({})).rejects.toThrow(ConfigError);
      const config = await load({ 'access-key-id': 'someone', 'secret-access-key': 'something-secret' });
      expect(config.backends[0].kind).toBe('azure');
      expect(config.redis?.url).toBe('redis://partway-redis:6379');
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
});
