/** Containers as the files of the repository describe them: no root, no capabilities, nothing writable but what must be. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const repository = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(repository, path), 'utf8');

interface Service {
  readonly image: string;
  readonly build?: unknown;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly network_mode?: string;
  readonly pid?: string;
}

describe('Dockerfile', () => {
  it('runs as a numbered user who is not root, in what it ships', () => {
    const last =
      read('Dockerfile')
        .split(/^FROM /m)
        .at(-1) ?? '';
    const users = [...last.matchAll(/^USER (.+)$/gm)].map(([, user]) => user);
    expect(users).toEqual(['1000:1000']);
    // Nothing is done as root after it.
    expect(last.slice(last.indexOf('USER '))).not.toMatch(/^(RUN|COPY|ADD) /m);
    expect(last).not.toMatch(/SECRET|PASSWORD|TOKEN/i);
  });

  it('runs no install scripts', () => {
    for (const line of read('Dockerfile').match(/npm ci[^\n]*/g) ?? []) {
      expect(line).toContain('--ignore-scripts');
    }
    expect(read('Dockerfile')).toContain('npm ci');
  });
});

describe.each(['docker-compose.yml', 'examples/replicas/docker-compose.yml'])('%s', (file) => {
  const { services } = parse(read(file), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>;
  };

  it.each(Object.entries(services))('gives %s no privilege', (name, service) => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service.read_only).toBe(true);
    expect(service.privileged).toBeUndefined();
    expect(service.network_mode).toBeUndefined();
    expect(service.pid).toBeUndefined();
    expect(JSON.stringify(service.volumes ?? [])).not.toContain('docker.sock');
    // Caddy's binary does not start without this one; it listens on no port that needs it.
    expect(service.cap_add ?? []).toEqual(name === 'balancer' ? ['NET_BIND_SERVICE'] : []);
  });

  it('runs what holds data as a user who is not root', () => {
    for (const [name, service] of Object.entries(services)) {
      if (service.build !== undefined) {
        // The image says who: see above.
        expect(service.user, name).toBeUndefined();
      } else if (name === 'redis') expect(service.user).toBe('redis');
      // The emulators and the balancer run as their images do: as a root without any capability.
      else expect(['azurite', 'fake-gcs', 'balancer']).toContain(name);
    }
  });

  it('publishes ports on this machine only, unless told otherwise', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^\$\{GATEWAY_ADDRESS:-127\.0\.0\.1\}:/);
  });

  it('holds no secret', () => {
    const text = read(file)
      // The account of every Azurite, which Microsoft publishes.
      .replaceAll(/DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=\S+/g, '');
    expect(text).not.toMatch(/AccountKey=|BEGIN [A-Z ]*PRIVATE KEY/);
    for (const [, value] of text.matchAll(/(?:SECRET\w*|PASSWORD\w*|ENCRYPTION_KEYS):\s*(\S+)/g)) {
      expect(value).toMatch(/^\$\{/);
    }
  });
});

interface Pod {
  readonly spec: {
    readonly securityContext?: Readonly<Record<string, unknown>>;
    readonly automountServiceAccountToken?: boolean;
    readonly containers: ReadonlyArray<{ readonly securityContext?: Readonly<Record<string, unknown>> }>;
  };
}

describe.each(['partway.yaml', 'redis.yaml'])('examples/kubernetes/%s', (file) => {
  const pods = parseAllDocuments(read(`examples/kubernetes/${file}`))
    .map((document) => document.toJS() as { readonly spec?: { readonly template?: Pod } })
    .flatMap(({ spec }) => spec?.template ?? []);

  it('gives its pods no privilege', () => {
    expect(pods).toHaveLength(1);
    for (const { spec } of pods) {
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: expect.toSatisfy((user: number) => user > 0),
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(spec.automountServiceAccountToken).toBe(false);
      for (const { securityContext } of spec.containers) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });
});
