import { deleteConditionally, readDeleteCondition } from '../delete.ts';
import type { Operation } from '../operation.ts';
import { refuseVersionId } from '../parameters.ts';
import { emptyReply } from '../reply.ts';

export const deleteObject: Operation = {
  action: 'DeleteObject',
  permission: 's3:DeleteObject',
  route: { method: 'DELETE', on: 'object' },
  body: 'none',
  async handle(context) {
    refuseVersionId(context);
    const { gateway, bucket, key } = context;
    await deleteConditionally(gateway, bucket, key, readDeleteCondition(context.headers));
    return emptyReply(204);
  },
};
