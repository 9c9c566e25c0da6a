/** Which parts of an upload have lost their bytes. */
import type { DiscardPartsCall } from '../types.ts';
import { privatePages } from './batch.ts';
import { calling, type Gcs } from './gcs.ts';
import { folderOf, type Token } from './multipart.ts';

export function findMissingParts(gcs: Gcs, call: DiscardPartsCall): Promise<readonly number[]> {
  const { bucket, parts, signal, uploadId } = call;
  return calling(gcs, { action: 'look for parts', bucket, signal }, async (from) => {
    const folder = folderOf(uploadId);
    const staged = new Set<string>();
    for await (const page of privatePages(gcs, from, folder, signal)) {
      for (const { generation, name, size } of page) staged.add(`${name} ${generation} ${size}`);
    }
    return parts.flatMap((part) => {
      const { generation, name, size } = part.token as unknown as Token;
      const isThere = size === 0 || staged.has(`${folder}${name} ${generation} ${size}`);
      return isThere ? [] : [part.partNumber];
    });
  });
}
