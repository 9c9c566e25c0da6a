import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate for localhost and 127.0.0.1 that vouches for itself, and its key: `<name>.pem` and `<name>.key` in `directory`. */
export function makeCertificate(directory: string, name = 'localhost'): CertificateFiles {
  const files = { certFile: join(directory, `${name}.pem`), keyFile: join(directory, `${name}.key`) };
  const wanted =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext';
  const names = [
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout',
    files.keyFile,
    '-out',
    files.certFile,
  ];
  execFileSync('openssl', [...wanted.split(' '), ...names], { stdio: 'ignore' });
  return files;
}
