/**
 * Keeps secrets out of the log by construction: field names that speak of secrets lose their value, query parameters show
 * their value only when they are known to be harmless, and all text is searched for the shapes that secrets travel in.
 */

export const redacted = '[redacted]';

const secretField =
  /secret|password|passwd|token|signature|authorization|cookie|customer-?key|accountkey|connectionstring|private-?key/i;

export function isSecretField(name: string): boolean {
  return secretField.test(name);
}

/** What stays is the part in front of the secret. */
const shapes: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
  // Authorization: AWS4-HMAC-SHA256 Credential=…, Signature=…; presigned URLs; aws-chunked chunk signatures.
  [/((?:signature|[?&;]sig)(?:=|%3d))[^&\s,;"']+/gi, `$1${redacted}`],
  [/(authorization["']?\s*[:=]\s*["']?)[^"'\r\n]+/gi, `$1${redacted}`],
  [/(security-token["']?(?:=|%3d|\s*:\s*)["']?)[^&\s,;"']+/gi, `$1${redacted}`],
  [/(customer-key["']?(?:=|%3d|\s*:\s*)["']?)[^&\s,;"']+/gi, `$1${redacted}`],
  [/((?:account|shared ?access)(?:key|signature)=)[^;\s"']+/gi, `$1${redacted}`],
  [/(bearer )[\w.~+/=-]+/gi, `$1${redacted}`],
  // redis://user:password@host
  [/(\w:\/\/[^:@/\s]*:)[^@/\s]+@/g, `$1${redacted}@`],
];

/** Finds what might hold one of the shapes, so that most text is looked at once. */
const suspicious =
  /signature|[?&;]sig|authorization|security-token|customer-key|account|shared ?access|bearer |:\/\//i;

/** @param secrets exact values that must never show, such as the configured secret keys */
export function createScrubber(secrets: readonly string[]): (text: string) => string {
  const known = secrets.filter((secret) => secret.length > 0).map(escapePattern);
  const exact = known.length === 0 ? undefined : new RegExp(known.join('|'), 'g');
  return (text) => {
    let clean = text;
    if (suspicious.test(clean))
      for (const [pattern, replacement] of shapes) clean = clean.replace(pattern, replacement);
    return exact === undefined ? clean : clean.replace(exact, redacted);
  };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Parameters whose values are no secret and help to read a log. */
const harmless = new Set(
  [
    'partNumber uploadId list-type prefix delimiter marker key-marker upload-id-marker version-id-marker part-number-marker',
    'continuation-token start-after max-keys max-uploads max-parts max-buckets encoding-type fetch-owner versionId x-id',
    'response-content-type response-content-language response-expires response-cache-control response-content-disposition',
    'response-content-encoding x-amz-algorithm x-amz-credential x-amz-date x-amz-expires x-amz-signedheaders',
  ]
    .join(' ')
    .toLowerCase()
    .split(' '),
);

/** A request target with the values of all other parameters left out: `/b/k?partNumber=1&X-Amz-Signature=[redacted]`. */
export function redactTarget(target: string): string {
  const start = target.indexOf('?');
  if (start === -1) return target;
  const query = target
    .slice(start + 1)
    .split('&')
    .map((parameter) => {
      const equals = parameter.indexOf('=');
      if (equals === -1 || harmless.has(parameter.slice(0, equals).toLowerCase())) return parameter;
      return equals === parameter.length - 1 ? parameter : `${parameter.slice(0, equals)}=${redacted}`;
    });
  return `${target.slice(0, start)}?${query.join('&')}`;
}
