/**
 * XML out (string building) and in (a strict parse into a small tree), as Amazon S3 speaks it: UTF-8, one namespace,
 * no DTD and no entities but XML's own five.
 */
import { SaxesParser } from 'saxes';
import { S3Error } from './errors.ts';

const s3Namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';
export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

export type XmlValue = string | number | boolean | Date | XmlNode | readonly XmlValue[] | undefined;

/** Children by name, in order. An array repeats its element, `undefined` leaves it out, a name that starts with `@` is an attribute. */
export interface XmlNode {
  readonly [name: string]: XmlValue;
}

/** What is inside a root element: its children, or its text (`LocationConstraint`). */
export type XmlContent = XmlNode | string;

/** A whole document: declaration, then the root element. `Error` is the one root that AWS sends without its namespace. */
export function xml(
  root: string,
  content: XmlContent,
  options: { readonly namespace?: boolean } = {},
): string {
  return xmlDeclaration + xmlElement(root, content, options);
}

/** The root element alone, for an answer whose declaration was sent before. */
export function xmlElement(
  root: string,
  content: XmlContent,
  options: { readonly namespace?: boolean } = {},
): string {
  return element(root, content, options.namespace === false ? '' : ` xmlns="${s3Namespace}"`);
}

function element(name: string, value: XmlValue, ownAttributes = ''): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return `<${name}${ownAttributes}>${escapeXml(value)}</${name}>`;
  if (typeof value === 'number' || typeof value === 'boolean') return `<${name}>${value}</${name}>`;
  if (value instanceof Date) return `<${name}>${wholeSeconds(value)}</${name}>`;
  if (isArray(value)) {
    let out = '';
    for (const item of value) out += element(name, item);
    return out;
  }
  let attributes = ownAttributes;
  let content = '';
  for (const child of Object.keys(value)) {
    const inner = value[child];
    if (!child.startsWith('@')) content += element(child, inner);
    else if (inner !== undefined) attributes += ` ${child.slice(1)}="${escapeXml(String(inner))}"`;
  }
  return `<${name}${attributes}>${content}</${name}>`;
}

/** As AWS writes it, with milliseconds that are always zero: lists say the same as Last-Modified. */
function wholeSeconds(date: Date): string {
  return `${date.toISOString().slice(0, -'.000Z'.length)}.000Z`;
}

/** `Array.isArray` does not narrow away readonly arrays. */
function isArray(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value);
}

/** Markup, and whatever is not plain XML 1.0 text. A bare carriage return would be read back as a line feed. */
const special = /[&<>"]|[^\t\n\u0020-\ufffd]/g;
const named: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

/**
 * Characters that XML 1.0 cannot hold become numeric references, as AWS answers them: a strict reader refuses those, which is what
 * `encoding-type=url` is for ("ListObjectsV2", EncodingType).
 */
export function escapeXml(text: string): string {
  if (text.search(special) === -1) return text;
  return text.replace(special, (char) => named[char] ?? `&#x${char.charCodeAt(0).toString(16)};`);
}

/** An element that was read. Names have lost their prefix. */
export interface XmlElement {
  readonly name: string;
  /** Local names too: `xsi:type` is `type`. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** Character data directly inside, untrimmed. */
  readonly text: string;
}

export interface ParseXmlOptions {
  /** Local name that the root must have. */
  readonly root: string;
  /** Larger bodies are MaxMessageLengthExceeded. Default 1 MiB. */
  readonly maxBytes?: number;
}

const maxDepth = 32;
/** CompleteMultipartUpload at its largest has 10,000 parts of three elements. */
const maxElements = 100_000;
/** Of one element: a few namespaces and `xsi:type`. The parser compares each attribute with all the others. */
const maxAttributes = 32;
/** Of a pretty-printed CompleteMultipartUpload from a client that ends lines with CR LF, thrice. */
const maxReturns = 250_000;
/** What the parser gathers character by character, in all. Clients write none of it, but keys in CDATA sections. */
const sections = [
  { start: '<!--', end: '-->', most: 64 * 1024 },
  { start: '<?', end: '?>', most: 64 * 1024 },
  { start: '<![CDATA[', end: ']]>', most: 2 * 1024 * 1024 },
] as const;
const noAttributes: ReadonlyMap<string, string> = new Map();

interface OpenElement extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

/**
 * Parses a request body strictly: anything not well-formed, a DOCTYPE, another root, more than 32 levels, 100,000 elements or 32
 * attributes of one, or very long comments are MalformedXML. The namespace may be absent or have any prefix, since clients differ.
 */
export function parseXml(body: string | Uint8Array, options: ParseXmlOptions): XmlElement {
  const maxBytes = options.maxBytes ?? 1024 * 1024;
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
  if (size > maxBytes)
    throw new S3Error('MaxMessageLengthExceeded', { extra: { MaxMessageLengthBytes: maxBytes } });
  const text = decode(body);
  refuseSlowText(text);
  const root = readTree(text);
  if (root.name !== options.root) throw malformedXml(`root element is ${root.name}`);
  return root;
}

function decode(body: string | Uint8Array): string {
  if (typeof body === 'string') return body;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw malformedXml('not UTF-8', cause);
  }
}

/** What is well-formed and would keep the parser busy for seconds. */
function refuseSlowText(text: string): void {
  let returns = 0;
  for (let at = text.indexOf('\r'); at !== -1; at = text.indexOf('\r', at + 1)) {
    returns += 1;
    if (returns > maxReturns) throw malformedXml('too many carriage returns');
  }
  for (const { end, most, start } of sections) {
    let total = 0;
    for (let from = text.indexOf(start); from !== -1; ) {
      const to = text.indexOf(end, from + start.length);
      total += (to === -1 ? text.length : to) - from;
      if (total > most) throw malformedXml(`more than ${most} characters in ${start}${end}`);
      if (to === -1) break;
      from = text.indexOf(start, to);
    }
  }
}

function readTree(text: string): XmlElement {
  const parser = new SaxesParser({ xmlns: true, position: false });
  const open: OpenElement[] = [];
  let root: OpenElement | undefined;
  let count = 0;
  let attributes = 0;
  parser.on('attribute', () => {
    attributes += 1;
    if (attributes > maxAttributes) throw malformedXml('too many attributes');
  });
  parser.on('doctype', () => {
    throw malformedXml('DOCTYPE');
  });
  parser.on('opentag', (tag) => {
    count += 1;
    attributes = 0;
    if (open.length >= maxDepth || count > maxElements) throw malformedXml('too deep or too many elements');
    const element: OpenElement = {
      name: tag.local,
      attributes: attributesOf(tag.attributes),
      children: [],
      text: '',
    };
    const parent = open.at(-1);
    if (parent === undefined) root = element;
    else parent.children.push(element);
    open.push(element);
  });
  parser.on('closetag', () => {
    open.pop();
  });
  const addText = (data: string) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += data;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  try {
    parser.write(text).close();
  } catch (cause) {
    if (cause instanceof S3Error) throw cause;
    throw malformedXml('not well-formed', cause);
  }
  if (root === undefined) throw malformedXml('no root element');
  return root;
}

function attributesOf(
  attributes: Readonly<
    Record<string, { readonly local: string; readonly prefix: string; readonly value: string }>
  >,
): ReadonlyMap<string, string> {
  let map: Map<string, string> | undefined;
  for (const { local, prefix, value } of Object.values(attributes)) {
    if (prefix === 'xmlns' || local === 'xmlns') continue;
    map ??= new Map();
    map.set(local, value);
  }
  return map ?? noAttributes;
}

/** MalformedXML, with the reason kept for the log: AWS tells the client none. */
export function malformedXml(reason: string, cause?: unknown): S3Error {
  return new S3Error('MalformedXML', { cause: new Error(reason, { cause }) });
}

export function childrenNamed(parent: XmlElement, name: string): readonly XmlElement[] {
  return parent.children.filter((child) => child.name === name);
}

/** The one child of that name; more than one is MalformedXML. */
export function optionalChild(parent: XmlElement, name: string): XmlElement | undefined {
  let found: XmlElement | undefined;
  for (const child of parent.children) {
    if (child.name !== name) continue;
    if (found !== undefined) throw malformedXml(`more than one ${name}`);
    found = child;
  }
  return found;
}

/** Text of the one child of that name, untrimmed: a key may end in a space. Elements in it are MalformedXML. */
export function optionalText(parent: XmlElement, name: string): string | undefined {
  const child = optionalChild(parent, name);
  if (child !== undefined && child.children.length > 0) throw malformedXml(`${name} holds elements`);
  return child?.text;
}

/** As {@link optionalText}; absent is MalformedXML. */
export function requiredText(parent: XmlElement, name: string): string {
  const text = optionalText(parent, name);
  if (text === undefined) throw malformedXml(`${name} is missing`);
  return text;
}
