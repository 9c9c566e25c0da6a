import type { Headers } from '../http/headers.ts';
import { S3Error } from './errors.ts';

const prefix = 'x-amz-server-side-encryption';
const copySourcePrefix = 'x-amz-copy-source-server-side-encryption-customer-';

/** Encryption at the gateway is not offered: whoever asks for it is told so instead of being stored in the clear. */
export function refuseEncryption(headers: Headers): void {
  for (const [name] of headers) {
    if (name.startsWith(prefix) || name.startsWith(copySourcePrefix)) {
      throw new S3Error('NotImplemented', { extra: { Header: name } });
    }
  }
}
