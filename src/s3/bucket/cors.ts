/** CORS rules of a bucket ("Using cross-origin resource sharing"): their document, and which rule a request falls under. Pure. */
import { S3Error } from '../errors.ts';
import {
  childrenNamed,
  malformedXml,
  optionalText,
  parseXml,
  type XmlElement,
  type XmlNode,
} from '../xml.ts';

export interface CorsRule {
  readonly id: string | undefined;
  readonly allowedOrigins: readonly string[];
  readonly allowedMethods: readonly string[];
  /** Names or patterns, as they were written. */
  readonly allowedHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds: number | undefined;
}

/** "The document is limited to 64 KB in size." */
export const maxCorsBytes = 64 * 1024;
const maxRules = 100;
const maxIdLength = 255;

export const corsMethods: ReadonlySet<string> = new Set(['GET', 'PUT', 'HEAD', 'POST', 'DELETE']);

/** Throws MalformedXML, MaxMessageLengthExceeded and InvalidRequest. */
export function parseCors(document: string | Uint8Array): readonly CorsRule[] {
  const root = parseXml(document, { root: 'CORSConfiguration', maxBytes: maxCorsBytes });
  const elements = childrenNamed(root, 'CORSRule');
  if (elements.length === 0) throw malformedXml('no CORSRule');
  if (elements.length > maxRules) {
    throw invalid(`The number of CORS rules should not exceed allowed limit of ${maxRules} rules.`);
  }
  // The shape of every rule comes before the values of any.
  const rules = elements.map(parseRule);
  for (const rule of rules) judgeRule(rule);
  return rules;
}

function parseRule(element: XmlElement): CorsRule {
  const texts = (name: string): string[] => childrenNamed(element, name).map(({ text }) => text.trim());
  const rule: CorsRule = {
    id: optionalText(element, 'ID'),
    allowedOrigins: texts('AllowedOrigin'),
    allowedMethods: texts('AllowedMethod'),
    allowedHeaders: texts('AllowedHeader'),
    exposeHeaders: texts('ExposeHeader'),
    maxAgeSeconds: maxAge(optionalText(element, 'MaxAgeSeconds')?.trim()),
  };
  if (rule.allowedOrigins.length === 0 || rule.allowedMethods.length === 0) {
    throw malformedXml('a rule without AllowedOrigin or AllowedMethod');
  }
  return rule;
}

function maxAge(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  // The schema's type is a 32-bit int, and AWS keeps any.
  if (!/^-?\d{1,10}$/.test(text) || Number(text) !== (Number(text) | 0)) throw malformedXml('MaxAgeSeconds');
  return Number(text);
}

function judgeRule(rule: CorsRule): void {
  if (rule.id !== undefined && rule.id.length > maxIdLength) {
    throw invalid(`ID length should not exceed allowed limit of ${maxIdLength}`);
  }
  for (const method of rule.allowedMethods) {
    if (corsMethods.has(method)) continue;
    throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
  }
  for (const origin of rule.allowedOrigins) requireOneWildcard('AllowedOrigin', origin);
  for (const header of rule.allowedHeaders) {
    requireOneWildcard('AllowedHeader', header);
    requireHeaderName(header);
  }
  for (const header of rule.exposeHeaders) {
    requireHeaderName(header);
    if (!header.includes('*')) continue;
    throw invalid(
      `ExposeHeader "${header}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
  }
}

function requireOneWildcard(element: string, value: string): void {
  if (value.indexOf('*') === value.lastIndexOf('*')) return;
  throw invalid(`${element} "${value}" can not have more than one wildcard.`);
}

/** AWS calls both kinds by one name. */
function requireHeaderName(header: string): void {
  if (header === '' || isHeaderName(header)) return;
  throw invalid(`AllowedHeader "${header}" contains invalid character.`);
}

/** A token (RFC 9110, section 5.6.2), which a `*` is part of. */
export function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name);
}

function invalid(message: string): S3Error {
  return new S3Error('InvalidRequest', { message });
}

export function corsContent(rules: readonly CorsRule[]): XmlNode {
  return {
    CORSRule: rules.map((rule) => ({
      ID: rule.id,
      AllowedMethod: rule.allowedMethods,
      AllowedOrigin: rule.allowedOrigins,
      AllowedHeader: rule.allowedHeaders,
      ExposeHeader: rule.exposeHeaders,
      MaxAgeSeconds: rule.maxAgeSeconds,
    })),
  };
}

export interface CrossOriginRequest {
  readonly origin: string;
  /** Of the request that is asked about, or of the request itself. */
  readonly method: string;
  /** `Access-Control-Request-Headers`, lower-case. */
  readonly headers: readonly string[];
}

/** `Access-Control-…` of the first rule that the request falls under; `undefined` when it falls under none. */
export function crossOriginHeaders(
  rules: readonly CorsRule[],
  request: CrossOriginRequest,
): Readonly<Record<string, string>> | undefined {
  for (const rule of rules) {
    const origin = rule.allowedOrigins.find((pattern) => matches(pattern, request.origin));
    if (origin === undefined || !rule.allowedMethods.includes(request.method)) continue;
    const allowed = rule.allowedHeaders.map((pattern) => pattern.toLowerCase());
    if (!request.headers.every((name) => allowed.some((pattern) => matches(pattern, name)))) continue;
    return headersOf(rule, origin === '*' ? '*' : request.origin, request.headers);
  }
  return undefined;
}

function headersOf(rule: CorsRule, origin: string, requested: readonly string[]): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': rule.allowedMethods.join(', '),
    ...(requested.length > 0 && { 'access-control-allow-headers': requested.join(', ') }),
    ...(rule.exposeHeaders.length > 0 && {
      'access-control-expose-headers': rule.exposeHeaders.join(', '),
    }),
    ...(rule.maxAgeSeconds !== undefined && { 'access-control-max-age': String(rule.maxAgeSeconds) }),
    ...(origin !== '*' && { 'access-control-allow-credentials': 'true' }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

/** At most one `*`, which stands for any text, also none. */
function matches(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === text;
  const end = pattern.slice(star + 1);
  return text.length >= pattern.length - 1 && text.startsWith(pattern.slice(0, star)) && text.endsWith(end);
}
