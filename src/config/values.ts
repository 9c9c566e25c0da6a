/** Kinds of values: text in, typed value out. */
import { BlockList, isIP } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';

/** Thrown by a parser; the reader adds which setting it was. */
export class BadValue extends Error {
  override readonly name = 'BadValue';
  readonly fix: string;

  constructor(problem: string, fix: string) {
    super(problem);
    this.fix = fix;
  }
}

export interface ValueType<T> {
  /** For the reference: `duration`. */
  readonly name: string;
  /** Comma-separated in the environment, a list in YAML. */
  readonly list?: boolean;
  /** @param base directory that relative paths start from @throws BadValue */
  readonly parse: (text: string, base: string) => T;
}

export const text: ValueType<string> = { name: 'text', parse: (value) => value };

export const path: ValueType<string> = { name: 'path', parse: (value, base) => resolve(base, value) };

export const flag: ValueType<boolean> = {
  name: '`true` or `false`',
  parse(value) {
    if (value !== 'true' && value !== 'false')
      throw new BadValue(`'${value}' is neither true nor false`, 'write true or false');
    return value === 'true';
  },
};

export function choice<const T extends string>(...choices: readonly T[]): ValueType<T> {
  return {
    name: choices.map((each) => `\`${each}\``).join(' or '),
    parse(value) {
      const found = choices.find((each) => each === value);
      if (found === undefined)
        throw new BadValue(`'${value}' is not one of its values`, `use ${alternatives(choices)}`);
      return found;
    },
  };
}

/** `a, b or c` */
function alternatives(words: readonly string[]): string {
  return words.join(', ').replace(/, (?=[^,]*$)/, ' or ');
}

export function withArticle(name: string): string {
  return `${/^[aeio]/i.test(name) ? 'an' : 'a'} ${name}`;
}

/** A moment, as ISO 8601 with its zone. */
export const instant: ValueType<string> = {
  name: 'date and time',
  parse(value) {
    const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;
    if (!iso.test(value) || Number.isNaN(Date.parse(value)))
      throw new BadValue(`'${value}' is not a date and time`, "write it like '2027-01-31T18:00:00Z'");
    return value;
  },
};

export function integer(min: number, max: number): ValueType<number> {
  return {
    name: 'number',
    parse(value) {
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (!(number >= min && number <= max))
        throw new BadValue(
          Number.isNaN(number) ? `'${value}' is not a whole number` : `'${value}' is out of range`,
          `use a whole number from ${min} to ${max}`,
        );
      return number;
    },
  };
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds. `minText` to `maxText`, at most what a timer can hold unless said otherwise. */
export function duration(minText: string, maxText = '24d'): ValueType<number> {
  const min = milliseconds(minText);
  const max = milliseconds(maxText);
  return {
    name: 'duration',
    parse(value) {
      const ms = milliseconds(value);
      if (Number.isNaN(ms))
        throw new BadValue(
          `'${value}' is not a duration`,
          "write a number and a unit, like '90s', '5m', '7d'",
        );
      if (ms < min || ms > max)
        throw new BadValue(`'${value}' is out of range`, `use ${minText} to ${maxText}`);
      return ms;
    },
  };
}

function milliseconds(value: string): number {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(value) ?? [];
  return Number(count ?? Number.NaN) * (unitMs[unit ?? ''] ?? Number.NaN);
}

export const workerCount: ValueType<number> = {
  name: 'number or `auto`',
  parse(value, base) {
    if (value === 'auto') return availableParallelism();
    try {
      return integer(1, 1024).parse(value, base);
    } catch (error) {
      throw error instanceof BadValue ? new BadValue(error.message, `${error.fix}, or auto`) : error;
    }
  },
};

const unitBytes: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Bytes. At least `min`. */
export function memorySize(min: number): ValueType<number | 'auto'> {
  return {
    name: 'size or `auto`',
    parse(value) {
      if (value === 'auto') return value;
      const [, count, unit] = /^(\d{1,9})(KiB|MiB|GiB)$/.exec(value) ?? [];
      const bytes = Number(count ?? Number.NaN) * (unitBytes[unit ?? ''] ?? Number.NaN);
      if (Number.isNaN(bytes))
        throw new BadValue(
          `'${value}' is not a size`,
          "write a number and a unit, like '384MiB' or '2GiB', or auto",
        );
      if (bytes < min) throw new BadValue(`'${value}' is too little`, `use at least ${min / 1024 ** 2}MiB`);
      return bytes;
    },
  };
}

/** Three quarters of what the container may use, or of the machine, for each of these processes. Bytes. */
export function memoryShare(workers: number): number {
  // Without a limit it is the largest number there is.
  const available = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
  return Math.floor((available * 0.75) / workers);
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const address: ValueType<Address> = {
  name: 'host:port',
  parse(value) {
    const [, v6, name, port] = /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(value) ?? [];
    const host = v6 ?? name;
    if (host === undefined || Number(port) > 65_535 || (v6 !== undefined && isIP(v6) !== 6))
      throw new BadValue(
        `'${value}' is not host:port`,
        'write it like 127.0.0.1:9000, [::1]:9000 or localhost:9000',
      );
    return { host, port: Number(port) };
  },
};

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Reachable from this machine only. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** Text that must look a certain way. */
export function matching(name: string, pattern: RegExp, fix: string): ValueType<string> {
  return {
    name,
    parse(value) {
      if (!pattern.test(value)) throw new BadValue(`'${value}' is not ${withArticle(name)}`, fix);
      return value;
    },
  };
}

export function listOf(item: ValueType<string>): ValueType<readonly string[]> {
  return {
    name: `list of ${item.name}s`,
    list: true,
    parse: (value, base) =>
      value
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '')
        .map((each) => item.parse(each, base)),
  };
}

export const domain: ValueType<string> = {
  name: 'domain',
  parse(value) {
    const lower = value.toLowerCase();
    if (!/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(lower))
      throw new BadValue(
        `'${value}' is not a domain`,
        'write the bare name, like s3.example.com, no scheme, port or path',
      );
    return lower;
  },
};

/** An address or a CIDR range. */
export const network: ValueType<string> = {
  name: 'network',
  parse(value) {
    const [ip = '', bits, ...rest] = value.split('/');
    const width = isIP(ip) === 4 ? 32 : isIP(ip) === 6 ? 128 : 0;
    const sound = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width);
    if (width === 0 || !sound || rest.length > 0)
      throw new BadValue(
        `'${value}' is not an address or range`,
        'write it like 10.0.0.7, 10.0.0.0/8 or fd00::/8',
      );
    return value;
  },
};

export function url(...schemes: readonly string[]): ValueType<string> {
  return {
    name: 'URL',
    parse(value) {
      const scheme = URL.canParse(value) ? new URL(value).protocol.slice(0, -1) : undefined;
      if (scheme === undefined || !schemes.includes(scheme)) {
        // The value may hold a password: it is not repeated.
        throw new BadValue(
          'is not a URL of a kind known here',
          `begin it with ${schemes.map((each) => `${each}://`).join(' or ')}`,
        );
      }
      return value;
    },
  };
}
