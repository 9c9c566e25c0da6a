/** Reads a table of settings from the environment and from a YAML mapping, collecting every problem on the way. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { type Problem, suggestion } from './problems.ts';
import { environmentName, type Setting, type Values } from './settings.ts';
import { BadValue, withArticle } from './values.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
type Table = Readonly<Record<string, Setting<unknown>>>;
type Mapping = Readonly<Record<string, unknown>>;

/** A value as it was written. `base` is where relative paths start. */
interface Found {
  readonly text: string;
  readonly base: string;
  /** Where, for messages. */
  readonly where: string;
}

export class Reader {
  readonly problems: Problem[] = [];
  /** Settings, by their place in the file, that were given but could not be read. */
  readonly #faulty = new Set<string>();
  readonly #env: Environment;
  readonly #cwd: string;
  #file:
    | {
        readonly name: string;
        readonly base: string;
        readonly document: Document;
        readonly lines: LineCounter;
      }
    | undefined;

  constructor(env: Environment, cwd: string) {
    this.#env = env;
    this.#cwd = cwd;
  }

  report(key: string, problem: string, fix: string): void {
    this.problems.push({ key, problem, fix });
  }

  /** The mapping in the file; empty when it cannot be read, which is reported. */
  open(file: string): Mapping {
    let content: string;
    try {
      content = readFileSync(resolve(this.#cwd, file), 'utf8');
    } catch (error) {
      this.report(file, `cannot be read: ${reason(error)}`, 'name an existing, readable file');
      return {};
    }
    const lines = new LineCounter();
    const document = parseDocument(content, { lineCounter: lines });
    this.#file = { name: file, base: dirname(resolve(this.#cwd, file)), document, lines };
    for (const error of document.errors.filter(({ code }) => code === 'DUPLICATE_KEY')) {
      const { line } = lines.linePos(error.pos[0]);
      this.report(`${file}:${line}`, 'the same key is given twice', 'keep one of them');
    }
    // What the parser says of the rest of a file that it lost the thread in is of no use.
    const broken = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
    if (broken !== undefined) {
      const { line, col } = lines.linePos(broken.pos[0]);
      const [what = broken.code] = broken.message.split(/ at line \d+, column \d+|\n/);
      this.report(`${file}:${line}:${col}`, `is no YAML: ${what}`, 'mend it there, or just above');
    }
    if (document.errors.length > 0 || document.contents === null) return {};
    if (!isMap(document.contents)) {
      this.report(file, 'is not a mapping', 'write it as `key: value` lines');
      return {};
    }
    return toMapping(document.toJS());
  }

  /** How to name a place in the file: `partway.yaml:3 azure.account`. */
  place(path: readonly string[]): string {
    if (this.#file === undefined) return written(path);
    const { name, document, lines } = this.#file;
    const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    const pair = isMap(parent)
      ? parent.items.find((item) => isScalar(item.key) && String(item.key.value) === path.at(-1))
      : undefined;
    const start = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
    return `${name}${start === undefined ? '' : `:${lines.linePos(start).line}`} ${written(path)}`;
  }

  /**
   * Every setting of the table. `mapping` sits at `path` in the file; keys of the table that hold a dot are looked for in
   * nested mappings. `environment` also looks for PARTWAY_ variables.
   */
  read<T extends Table>(
    table: T,
    mapping: Mapping,
    path: readonly string[],
    options: { readonly environment: boolean },
  ): Values<T> {
    const values: Record<string, unknown> = {};
    for (const [key, setting] of Object.entries(table)) {
      const before = this.problems.length;
      const fromEnv = options.environment ? this.#fromEnvironment(environmentName(key), setting) : undefined;
      const found = fromEnv ?? this.#fromFile(key, setting, mapping, path) ?? this.#fromDefault(key, setting);
      values[key] = found === undefined ? undefined : this.#parse(found, setting);
      if (this.problems.length > before) this.#faulty.add([...path, key].join('.'));
    }
    return values as Values<T>;
  }

  /** Whether a setting was given but could not be read: then it is not missing, whatever its value says. */
  isFaulty(...settings: readonly string[]): boolean {
    return settings.some((setting) => this.#faulty.has(setting));
  }

  #fromDefault(key: string, setting: Setting<unknown>): Found | undefined {
    return setting.default === undefined ? undefined : { text: setting.default, base: this.#cwd, where: key };
  }

  #fromEnvironment(name: string, setting: Setting<unknown>): Found | undefined {
    // An empty variable counts as unset: compose files pass `${NAME:-}` on.
    const text = this.#env[name] || undefined;
    const file = setting.secret ? this.#env[`${name}_FILE`] || undefined : undefined;
    if (text !== undefined && file !== undefined) {
      this.report(name, `is given, and so is ${name}_FILE`, 'keep one of them');
      return undefined;
    }
    if (file !== undefined) return this.#fromSecretFile(resolve(this.#cwd, file), `${name}_FILE`);
    return text === undefined ? undefined : { text, base: this.#cwd, where: name };
  }

  #fromFile(
    key: string,
    setting: Setting<unknown>,
    mapping: Mapping,
    path: readonly string[],
  ): Found | undefined {
    const own = [...path, ...key.split('.')];
    const base = this.#file?.base ?? this.#cwd;
    const value = dig(mapping, key.split('.'));
    const file = setting.secret ? dig(mapping, `${key}File`.split('.')) : undefined;
    const where = this.place(own);
    if (value !== undefined && file !== undefined) {
      this.report(where, `is given, and so is ${key}File`, 'keep one of them');
      return undefined;
    }
    if (file !== undefined) {
      const whereFile = this.place([...path, ...`${key}File`.split('.')]);
      if (typeof file === 'string') return this.#fromSecretFile(resolve(base, file), whereFile);
      this.report(whereFile, 'is not a path', 'write the path of a file that holds the secret');
      return undefined;
    }
    if (value === undefined) return undefined;
    const text = asText(value, setting);
    if (text === undefined) {
      this.report(where, ...misread(value, setting));
      return undefined;
    }
    return { text, base, where };
  }

  #fromSecretFile(file: string, where: string): Found | undefined {
    try {
      // Editors and `echo` leave a line end behind the secret.
      return { text: readFileSync(file, 'utf8').replace(/\r?\n$/, ''), base: this.#cwd, where };
    } catch (error) {
      this.report(where, `cannot be read: ${reason(error)}`, 'name an existing, readable file');
      return undefined;
    }
  }

  #parse(found: Found, setting: Setting<unknown>): unknown {
    try {
      return setting.parse(found.text, found.base);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      this.report(found.where, setting.secret ? 'is not usable' : error.message, error.fix);
      // Whatever is checked next works with a sound value; the problem stays.
      return setting.default === undefined ? undefined : setting.parse(setting.default, this.#cwd);
    }
  }

  /** Keys of `mapping` that are neither in the table nor in `others`. */
  refuseUnknown(
    mapping: Mapping,
    path: readonly string[],
    table: Table,
    others: readonly string[] = [],
  ): void {
    const known = [
      ...Object.entries(table).flatMap(([key, { secret }]) => (secret ? [key, `${key}File`] : [key])),
      ...others,
    ];
    this.#refuseUnknown(mapping, path, known);
  }

  #refuseUnknown(mapping: Mapping, path: readonly string[], known: readonly string[]): void {
    const heads = [...new Set(known.map((key) => key.split('.')[0] ?? key))];
    for (const [key, value] of Object.entries(mapping)) {
      const below = known
        .filter((name) => name.startsWith(`${key}.`))
        .map((name) => name.slice(key.length + 1));
      if (below.length > 0) {
        if (isMapping(value)) this.#refuseUnknown(value, [...path, key], below);
        else if (value !== null)
          this.report(this.place([...path, key]), 'is not a mapping', `put ${below.join(', ')} below it`);
      } else if (!known.includes(key)) {
        this.report(this.place([...path, key]), 'is not a setting', suggestion(key, heads));
      }
    }
  }

  refuseUnknownVariables(table: Table, others: readonly string[]): void {
    const known = [
      ...Object.entries(table).flatMap(([key, { secret }]) => {
        const name = environmentName(key);
        return secret ? [name, `${name}_FILE`] : [name];
      }),
      ...others,
    ];
    for (const name of Object.keys(this.#env)) {
      if (!name.startsWith('PARTWAY_') || known.includes(name) || foreign.test(name)) continue;
      this.report(name, 'is not a setting', suggestion(name, known));
    }
  }
}

/**
 * Kubernetes sets PARTWAY_SERVICE_HOST, PARTWAY_PORT_9000_TCP and the like in every pod beside a service called "partway".
 * PARTWAY_TEST_ is for the tests.
 */
const foreign = /^PARTWAY_(SERVICE_(HOST|PORT(_.+)?)|PORT(_.+)?|TEST_.+)$/;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function toMapping(value: unknown): Mapping {
  return isMapping(value) ? value : {};
}

function dig(mapping: Mapping, [head = '', ...rest]: readonly string[]): unknown {
  const value = mapping[head] ?? undefined;
  return rest.length === 0 ? value : dig(toMapping(value), rest);
}

/** Text of a YAML value, as the environment would give it; `undefined` when it is of another kind. */
function asText(value: unknown, setting: Setting<unknown>): string | undefined {
  if (setting.type.list === true && Array.isArray(value))
    return value.every((item) => typeof item === 'string') ? value.join(',') : undefined;
  if (typeof value === 'string') return value;
  // `accessKeyId: 0123` is the number 123: only what was written as text is taken for one.
  const wanted = setting.type.name;
  if (typeof value === 'number') return wanted.includes('number') ? String(value) : undefined;
  return typeof value === 'boolean' && wanted.includes('true') ? String(value) : undefined;
}

/** What is wrong with a value that is no text, and what to do. */
function misread(value: unknown, { parse, secret, type }: Setting<unknown>): [problem: string, fix: string] {
  if (type.list === true)
    return ['is no list of texts', 'write texts, in quotes if they look like something else'];
  if (typeof value === 'object')
    return [`is a ${Array.isArray(value) ? 'list' : 'mapping'}`, `write ${withArticle(type.name)}`];
  try {
    parse(String(value), '');
  } catch (error) {
    if (error instanceof BadValue) return [secret ? 'is not usable' : error.message, error.fix];
    throw error;
  }
  return [`is read as a ${typeof value}, not as text`, 'put it in quotes'];
}

/** `identities[0].keys[1].accessKeyId` */
function written(path: readonly string[]): string {
  return path.reduce((text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : `${text}.${part}`));
}

export function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    case 'ENOTDIR':
      return 'a part of the path is a file';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
