import { isAdapterError } from '../../../adapters/errors.ts';
import { requireAccess, requireAnyAccess } from '../access/authorize.ts';
import { comparesEtag, permissionFor } from '../access/permissions.ts';
import { fromAdapterError } from '../adapter-errors.ts';
import { mapConcurrently } from '../concurrency.ts';
import { deleteConditionally } from '../delete.ts';
import { S3Error } from '../errors.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { xmlReply } from '../reply.ts';
import { maxDeleteBytes, type ObjectToDelete, parseDeleteObjects } from '../xml/delete-objects.ts';
import type { XmlNode } from '../xml.ts';

const concurrency = 16;

export const deleteObjects: Operation = {
  action: 'DeleteObjects',
  permission: 's3:DeleteObject',
  route: { method: 'POST', on: 'bucket', sub: 'delete' },
  body: 'document',
  asksItself: true,
  async handle(context) {
    const { bucket, gateway } = context;
    await requireAnyAccess(context, 's3:DeleteObject');
    if (!context.body.hasIntegrity()) {
      throw new S3Error('InvalidRequest', {
        message: 'Missing required header for this request: Content-MD5',
      });
    }
    const document = parseDeleteObjects(await context.body.read(maxDeleteBytes));
    await gateway.storage.for(bucket).headBucket({ bucket });
    const outcomes = await mapConcurrently(document.objects, concurrency, (object) =>
      deleteOne(context, object),
    );
    return xmlReply('DeleteResult', {
      Deleted: document.quiet ? [] : outcomes.flatMap((outcome) => outcome.deleted ?? []),
      Error: outcomes.flatMap((outcome) => outcome.error ?? []),
    });
  },
};

async function deleteOne(
  context: RequestContext,
  object: ObjectToDelete,
): Promise<{ readonly deleted?: XmlNode; readonly error?: XmlNode }> {
  const { bucket, gateway } = context;
  const { key, versionId, ifMatch } = object;
  try {
    const action = permissionFor('s3:DeleteObject', versionId !== undefined);
    const known = { ifMatch };
    await requireAccess(context, { action, bucket, key }, known);
    if (comparesEtag(ifMatch)) await requireAccess(context, { action: 's3:GetObject', bucket, key }, known);
    if (versionId !== undefined && versionId !== 'null') throw new S3Error('NoSuchVersion');
    await deleteConditionally(gateway, bucket, key, ifMatch);
    return { deleted: { Key: key, VersionId: versionId } };
  } catch (cause) {
    const error = isAdapterError(cause) ? fromAdapterError(cause, { bucket, key }) : cause;
    if (!(error instanceof S3Error)) throw error;
    gateway.log.debug('DeleteObjects left a key', { key, error });
    return { error: { Key: key, VersionId: versionId, Code: error.code, Message: error.message } };
  }
}
