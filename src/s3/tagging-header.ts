/** Object tags ("Categorizing your objects using tags"): the x-amz-tagging header, and the rules of every tag set. Pure. */
import { unescape as percentDecoded } from 'node:querystring';
import { S3Error } from './errors.ts';

export type Tags = Readonly<Record<string, string>>;

/** How many tags something has at most, and how AWS says so and that `aws:` is its own. */
export interface TagLimit {
  readonly count: number;
  readonly message: string;
  readonly reserved: string;
}

const objectTagLimit: TagLimit = {
  count: 10,
  message: 'Object tags cannot be greater than 10',
  reserved: 'Your TagKey cannot be prefixed with aws:',
};
export const bucketTagLimit: TagLimit = {
  count: 50,
  message: 'Bucket tag count cannot be greater than 50',
  reserved: 'System tags cannot be added/updated by requester',
};
const maxKeyLength = 128;
const maxValueLength = 256;
/** Unicode letters, digits and spaces, and `+ - = . _ : / @`. */
const allowed = /^[\p{L}\p{N}\p{Z}+\-=._:/@]*$/u;

/** `k=v&k2=v2`, form-encoded. Throws InvalidArgument (syntax, no key, a key twice), BadRequest (more than ten), InvalidTag. */
export function parseTaggingHeader(header: string): Tags {
  const pairs: Array<[string, string]> = [];
  for (const field of header.split('&')) {
    if (field === '') continue;
    const equals = field.indexOf('=');
    const key = decodeField(equals < 0 ? field : field.slice(0, equals));
    const value = decodeField(equals < 0 ? '' : field.slice(equals + 1));
    if (!key || value === undefined || pairs.some(([other]) => other === key)) {
      throw new S3Error('InvalidArgument', {
        message:
          "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
        extra: { ArgumentName: 'x-amz-tagging', ArgumentValue: header },
      });
    }
    pairs.push([key, value]);
  }
  return requireTags(pairs);
}

/** The rules that hold for tags however they arrive. InvalidTag, or BadRequest for too many. */
export function requireTags(
  pairs: ReadonlyArray<readonly [key: string, value: string]>,
  { count, message, reserved }: TagLimit = objectTagLimit,
): Tags {
  if (pairs.length > count) throw new S3Error('BadRequest', { message });
  const seen = new Set<string>();
  for (const [key, value] of pairs) {
    if (key === '' || [...key].length > maxKeyLength || !allowed.test(key)) {
      throw invalidTag('The TagKey you have provided is invalid', { TagKey: key });
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw invalidTag(reserved, { TagKey: key });
    }
    if ([...value].length > maxValueLength || !allowed.test(value)) {
      throw invalidTag('The TagValue you have provided is invalid', { TagKey: key, TagValue: value });
    }
    if (seen.has(key)) throw invalidTag('Cannot provide multiple Tags with the same key', { TagKey: key });
    seen.add(key);
  }
  // Not by assignment: a tag may be called __proto__.
  return Object.fromEntries(pairs);
}

function invalidTag(message: string, extra: Readonly<Record<string, string>>): S3Error {
  return new S3Error('InvalidTag', { message, extra });
}

/**
 * `undefined` when a percent sequence is broken, and of a comma that is not encoded: in a header it separates values. Bytes that are not
 * UTF-8 become U+FFFD, which no tag may have.
 */
function decodeField(text: string): string | undefined {
  if (text.includes(',') || /%(?![\da-f]{2})/i.test(text)) return undefined;
  return percentDecoded(text.replaceAll('+', ' '));
}
