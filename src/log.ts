/** Structured logs: JSON lines, or text for a person. Nothing secret, and never waited for. */

import type { LogLevel } from './config/types.ts';
import { createScrubber, isSecretField, redacted } from './log/redact.ts';
import { createLineWriter, type LineWriter } from './log/writer.ts';

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whether lines of this level are written. */
  has(level: LogLevel): boolean;
  /** The same log, with these fields on every line. */
  with(fields: LogFields): Logger;
  /** Resolves when all lines so far are out. */
  flush(): Promise<void>;
  /** For the last words of a dying process. */
  flushSync(): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  /** Values that must not show wherever they turn up; a function tells of those that there are by now. */
  readonly secrets?: readonly string[] | (() => readonly string[]);
  /** Colours in pretty lines. */
  readonly color?: boolean;
  /** Default: standard error, so that standard output is for people. */
  readonly writer?: LineWriter;
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
type Plain =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Plain[]
  | { readonly [key: string]: Plain };

export function createLogger(options: LogOptions): Logger {
  const scrub = scrubberOf(options.secrets ?? []);
  const format = options.format === 'json' ? jsonLine : prettyLine(options.color === true);
  const line = (level: LogLevel, message: string, fields: LogFields): string =>
    format(new Date(), level, scrub(message), plainFields(fields, scrub));
  const writer =
    options.writer ??
    createLineWriter(2, (lines) => line('warn', 'log lines were lost: the reader is too slow', { lines }));
  const least = levels.indexOf(options.level);

  const build = (common: LogFields): Logger => {
    const at = (level: LogLevel): Logger['info'] => {
      if (levels.indexOf(level) < least) return () => {};
      return (message, fields) => writer.write(line(level, message, { ...common, ...fields }));
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      has: (level) => levels.indexOf(level) >= least,
      with: (fields) => build({ ...common, ...fields }),
      flush: () => writer.flush(),
      flushSync: () => writer.flushSync(),
    };
  };
  return build({});
}

function scrubberOf(secrets: NonNullable<LogOptions['secrets']>): (text: string) => string {
  if (typeof secrets !== 'function') return createScrubber(secrets);
  let known = secrets();
  let scrub = createScrubber(known);
  return (text) => {
    const now = secrets();
    if (now !== known) {
      known = now;
      scrub = createScrubber(known);
    }
    return scrub(text);
  };
}

function plainFields(fields: LogFields, scrub: (text: string) => string): Record<string, Plain> {
  const plain: Record<string, Plain> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) plain[name] = isSecretField(name) ? redacted : toPlain(value, scrub, 0);
  }
  return plain;
}

const maxDepth = 4;

/** Data that JSON can hold, scrubbed. Errors keep name, message, code, stack and cause. */
function toPlain(value: unknown, scrub: (text: string) => string, depth: number): Plain {
  if (typeof value === 'string') return scrub(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined)
    return value;
  if (depth >= maxDepth || typeof value !== 'object') return scrub(String(value));
  if (value instanceof Error) return errorFields(value, scrub, depth);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => toPlain(item, scrub, depth + 1));
  // Anything that knows how to show itself (a Secret, say) is asked.
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return toPlain(value.toJSON(), scrub, depth + 1);
  const plain: Record<string, Plain> = {};
  for (const [name, inner] of Object.entries(value))
    plain[name] = isSecretField(name) ? redacted : toPlain(inner, scrub, depth + 1);
  return plain;
}

function errorFields(error: Error, scrub: (text: string) => string, depth: number): Plain {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    name: error.name,
    message: scrub(error.message),
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: scrub(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: toPlain(error.cause, scrub, depth + 1) }),
  };
}

type Format = (time: Date, level: LogLevel, message: string, fields: Record<string, Plain>) => string;

const jsonLine: Format = (time, level, message, fields) =>
  JSON.stringify({ time: time.toISOString(), level, message, ...fields });

const colors: Readonly<Record<LogLevel, string>> = { debug: '90', info: '36', warn: '33', error: '31' };

/** `12:34:56.789 INFO  message key=value …`, an error's stack on lines of its own. */
function prettyLine(color: boolean): Format {
  const paint = (code: string, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  return (time, level, message, fields) => {
    const head = `${paint('90', time.toISOString().slice(11, 23))} ${paint(colors[level], level.toUpperCase().padEnd(5))} ${oneLine(message)}`;
    const tail = Object.entries(fields).map(
      ([name, value]) => ` ${paint('90', `${name}=`)}${prettyValue(value)}`,
    );
    return head + tail.join('');
  };
}

function prettyValue(value: Plain): string {
  if (typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string') {
    const cause =
      'cause' in value && value.cause !== undefined ? `\n  caused by ${prettyValue(value.cause)}` : '';
    return value.stack.split('\n').map(oneLine).join('\n') + cause;
  }
  if (typeof value === 'string')
    return /^[\x21\x23-\x7e\u00a1-\uffff]+$/.test(value) ? value : oneLine(JSON.stringify(value));
  return JSON.stringify(value);
}

/** Control characters would let a client write lines, or move the cursor. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
