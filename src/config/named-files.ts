/** Files that settings name: whether they are there, can be read, and hold what they should. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isMapping, type Reader, reason } from './reader.ts';

/** What the file holds; `undefined`, and a problem of `key`, when it cannot be read. */
export function readNamed(reader: Reader, key: string, file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    reader.report(key, `${file} cannot be read: ${reason(error)}`, 'name an existing, readable file');
    return undefined;
  }
}

/** Both in PEM, and of one pair: the server would fail over them later, with words of OpenSSL. */
export function checkKeyPair(
  reader: Reader,
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
): void {
  const chain = readNamed(reader, 'tls.certFile', certFile);
  const secret = readNamed(reader, 'tls.keyFile', keyFile);
  const certificate = chain === undefined ? undefined : parsed(() => new X509Certificate(chain));
  const key = secret === undefined ? undefined : parsed(() => createPrivateKey(secret));
  if (chain !== undefined && certificate === undefined)
    reader.report(
      'tls.certFile',
      `${certFile} holds no certificate`,
      'name a PEM file: -----BEGIN CERTIFICATE-----',
    );
  if (secret !== undefined && key === undefined)
    reader.report(
      'tls.keyFile',
      `${keyFile} holds no private key, or one under a passphrase`,
      'name a PEM file without a passphrase: -----BEGIN PRIVATE KEY-----',
    );
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key))
    reader.report(
      'tls.keyFile',
      `${keyFile} is not the key of the first certificate in ${certFile}`,
      "name the certificate's own key, and put the server's certificate first",
    );
}

/** Keys of service accounts and configurations of workload identities alike: JSON with a `type` (google-auth-library). */
export function checkGoogleKey(reader: Reader, key: string, file: string): void {
  const text = readNamed(reader, key, file);
  if (text === undefined) return;
  const value = parsed((): unknown => JSON.parse(text));
  if (isMapping(value) && typeof value['type'] === 'string') return;
  reader.report(
    key,
    `${file} holds no credentials of Google`,
    "name the JSON file that was downloaded for the service account's key",
  );
}

/** `undefined` instead of the parser's message, which may quote a secret. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
