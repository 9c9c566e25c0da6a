/** The body of CreateBucket. */
import { optionalText, parseXml } from '../xml.ts';

const maxBytes = 64 * 1024;

/** The LocationConstraint that is asked for; `undefined` when the body is empty or names none. Throws MalformedXML. */
export function parseCreateBucketConfiguration(body: Uint8Array): string | undefined {
  if (body.byteLength === 0) return undefined;
  const root = parseXml(body, { root: 'CreateBucketConfiguration', maxBytes });
  const location = optionalText(root, 'LocationConstraint')?.trim();
  return location === '' ? undefined : location;
}
