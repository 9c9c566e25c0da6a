import { parseArgs } from 'node:util';

export const help = `npm run bench -- [options]

  --only a,b         groups to run: start, upload-part, objects, head, list, complete, sse, sdk. Default: all that fit
  --quick            fewer bytes, fewer cells: a look, not a measurement
  --servers a,b      partway, partway-os, versitygw, rclone. Default: partway, and beside it, if versitygw or rclone are
                     on PATH or in Go's bin directory, partway-os (PARTWAY_DURABILITY=os) and those two, which never fsync
  --backend name     local (default), azure or gcs: Partway alone, beside the bare SDK's streaming upload
  --workers n        PARTWAY_WORKERS. Default: 1
  --pin              the server on the first core, the load generator on the others (taskset)
  --dir path         where servers keep their data. Default: a directory of this run's own in the system's temporary one
  --repeat n         times each cell is measured; the median by throughput is shown. Default: 1
`;

export type Backend = 'local' | 'azure' | 'gcs';
export const groups = ['start', 'upload-part', 'objects', 'head', 'list', 'complete', 'sse', 'sdk'] as const;
export type Group = (typeof groups)[number];

export interface Options {
  readonly only: readonly Group[];
  readonly quick: boolean;
  readonly servers: readonly string[] | undefined;
  readonly backend: Backend;
  readonly workers: number;
  readonly pin: boolean;
  readonly directory: string | undefined;
  readonly repeat: number;
}

function oneOf<T extends string>(value: string, known: readonly T[], name: string): T {
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) throw new Error(`--${name}: ${value} is none of ${known.join(', ')}`);
  return found;
}

function count(text: string, name: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name}: ${text} is not a positive number`);
  return value;
}

/** The options, or undefined if only help was asked for. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      servers: { type: 'string' },
      backend: { type: 'string', default: 'local' },
      workers: { type: 'string', default: '1' },
      pin: { type: 'boolean', default: false },
      dir: { type: 'string' },
      repeat: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const split = (text: string): string[] => text.split(',').map((part) => part.trim());
  const backend = oneOf(values.backend, ['local', 'azure', 'gcs'], 'backend');
  const defaults = groups.filter((group) => (group === 'sdk' ? backend !== 'local' : true));
  return {
    only:
      values.only === undefined ? defaults : split(values.only).map((name) => oneOf(name, groups, 'only')),
    quick: values.quick,
    servers: values.servers === undefined ? undefined : split(values.servers),
    backend,
    workers: count(values.workers, 'workers'),
    pin: values.pin,
    directory: values.dir,
    repeat: count(values.repeat, 'repeat'),
  };
}
