import { requireAccess } from '../access/authorize.ts';
import { permissionFor } from '../access/permissions.ts';
import { changeTags } from '../object-tags.ts';
import type { Operation } from '../operation.ts';
import { refuseVersionId } from '../parameters.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { maxTaggingBytes, parseTagging } from '../xml/tagging.ts';

export const getObjectTagging: Operation = {
  action: 'GetObjectTagging',
  permission: 's3:GetObjectTagging',
  route: { method: 'GET', on: 'object', sub: 'tagging' },
  body: 'none',
  async handle(context) {
    refuseVersionId(context);
    const { bucket, gateway, key, signal } = context;
    const { attributes } = await gateway.storage.for(bucket).headObject({ bucket, key, signal });
    const tags = Object.entries(attributes.tags ?? {});
    return xmlReply('Tagging', { TagSet: { Tag: tags.map(([Key, Value]) => ({ Key, Value })) } });
  },
};

export const putObjectTagging: Operation = {
  action: 'PutObjectTagging',
  permission: 's3:PutObjectTagging',
  route: { method: 'PUT', on: 'object', sub: 'tagging' },
  body: 'document',
  async handle(context) {
    refuseVersionId(context);
    const requested = parseTagging(await context.body.read(maxTaggingBytes));
    const { bucket, key, target } = context;
    const action = permissionFor('s3:PutObjectTagging', target.query.has('versionId'));
    await requireAccess(context, { action, bucket, key }, { requested });
    await changeTags(context, requested);
    return emptyReply(200);
  },
};

export const deleteObjectTagging: Operation = {
  action: 'DeleteObjectTagging',
  permission: 's3:DeleteObjectTagging',
  route: { method: 'DELETE', on: 'object', sub: 'tagging' },
  body: 'none',
  async handle(context) {
    refuseVersionId(context);
    await changeTags(context, undefined);
    return emptyReply(204);
  },
};
