/** The header lines of a part of a form, and the boundary that a form announces. Pure. */
import { S3Error } from '../errors.ts';

/**
 * The boundary of a multipart/form-data `Content-Type`. PreconditionFailed for any other type, as AWS words it; MalformedPOSTRequest for
 * one without a boundary.
 */
export function boundaryOf(contentType: string | undefined): string {
  const [type = '', ...parameters] = splitParameters(contentType ?? '');
  if (type.trim().toLowerCase() !== 'multipart/form-data') {
    throw new S3Error('PreconditionFailed', {
      extra: { Condition: 'Bucket POST must be of the enclosure-type multipart/form-data' },
    });
  }
  const boundary = parameterOf(parameters, 'boundary');
  // RFC 2046, section 5.1.1: 1 to 70 characters, and no more can be meant by a header line.
  if (boundary === undefined || !/^[\x20-\x7e]{1,70}$/.test(boundary) || boundary.endsWith(' ')) {
    throw malformed('no boundary');
  }
  return boundary;
}

/** MalformedPOSTRequest, with the reason kept for the log. */
export function malformed(reason: string, cause?: unknown): S3Error {
  return new S3Error('MalformedPOSTRequest', { cause: new Error(reason, { cause }) });
}

export interface PartHead {
  readonly name: string;
  readonly filename: string | undefined;
}

/** Reads the one line that matters: `Content-Disposition: form-data; name="…"; filename="…"`. */
export function partHead(head: Buffer): PartHead {
  const text = new TextDecoder('utf-8').decode(head);
  const line = text
    // A line that begins with white space goes on with the one before (RFC 5322, section 2.2.3).
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
    .find((candidate) => /^content-disposition[ \t]*:/i.test(candidate));
  const [type = '', ...parameters] = splitParameters(line?.slice(line.indexOf(':') + 1) ?? '');
  const name = parameterOf(parameters, 'name');
  if (type.trim().toLowerCase() !== 'form-data' || name === undefined || name === '') {
    throw malformed('a part without a name');
  }
  return { name, filename: parameterOf(parameters, 'filename') };
}

/** At semicolons that are in no quoted string. A quote that nothing closes is a character as any other. */
function splitParameters(text: string): string[] {
  const parameters: string[] = [];
  let from = 0;
  let mayQuote = true;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === ';') {
      parameters.push(text.slice(from, at));
      from = at + 1;
    } else if (text[at] === '"' && mayQuote) {
      const end = closingQuote(text, at);
      // Then no later one is closed either: time stays in proportion to the text, which anybody can send.
      if (end === undefined) mayQuote = false;
      else at = end;
    }
  }
  return [...parameters, text.slice(from)];
}

function closingQuote(text: string, open: number): number | undefined {
  for (let at = open + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at;
    if (text[at] === '\\') at += 1;
  }
  return undefined;
}

function parameterOf(parameters: readonly string[], name: string): string | undefined {
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== name) continue;
    const value = parameter.slice(equals + 1).trim();
    const quoted = /^"(.*)"$/s.exec(value)?.[1];
    if (quoted === undefined) return value;
    // Browsers send backslashes of Windows paths as they are: only the two characters that need one are escaped.
    return quoted.replaceAll(/\\(["\\])/g, '$1');
  }
  return undefined;
}
