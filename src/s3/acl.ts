/** Access control lists, as a bucket answers whose owner is enforced ("Controlling ownership of objects and disabling ACLs"). */
import type { Headers } from '../http/headers.ts';
import { S3Error, type S3ErrorCode } from './errors.ts';
import type { Owner } from './operation.ts';
import {
  childrenNamed,
  optionalChild,
  parseXml,
  requiredText,
  type XmlElement,
  type XmlNode,
} from './xml.ts';

const cannedAcls: ReadonlySet<string> = new Set([
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
  'log-delivery-write',
]);
const harmless: ReadonlySet<string> = new Set(['private', 'bucket-owner-full-control']);
const grants = ['full-control', 'read', 'read-acp', 'write', 'write-acp'].map(
  (name) => `x-amz-grant-${name}`,
);

/** `code` for any ACL that says more than "the owner controls it". */
export function refuseUnsupportedAcl(
  headers: Headers,
  code: S3ErrorCode = 'AccessControlListNotSupported',
): void {
  const canned = headers.get('x-amz-acl');
  const granted = grants.filter((name) => headers.has(name));
  if (canned !== undefined && granted.length > 0) {
    throw new S3Error('InvalidRequest', {
      message: 'Specifying both Canned ACLs and Header Grants is not allowed',
    });
  }
  if (canned !== undefined && !cannedAcls.has(canned)) {
    throw new S3Error('InvalidArgument', { extra: { ArgumentName: 'x-amz-acl', ArgumentValue: canned } });
  }
  if (granted.length > 0 || (canned !== undefined && !harmless.has(canned))) {
    throw new S3Error(code);
  }
}

export const maxAclBytes = 256 * 1024;

/** The list that everything has: its owner may do all. */
export function ownersAcl({ displayName, id }: Owner): XmlNode {
  const owner = { ID: id, DisplayName: displayName };
  return {
    Owner: owner,
    AccessControlList: {
      Grant: {
        Grantee: {
          '@xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
          '@xsi:type': 'CanonicalUser',
          ...owner,
        },
        Permission: 'FULL_CONTROL',
      },
    },
  };
}

/**
 * A list in headers or as a document, that may say only what is so already. AccessControlListNotSupported, MissingSecurityHeader,
 * UnexpectedContent, MalformedACLError.
 */
export function refuseUnsupportedAclRequest(headers: Headers, document: Uint8Array, owner: Owner): void {
  refuseUnsupportedAcl(headers);
  if (headers.has('x-amz-acl')) {
    if (document.byteLength > 0) throw new S3Error('UnexpectedContent');
    return;
  }
  if (document.byteLength === 0) {
    throw new S3Error('MissingSecurityHeader', { extra: { MissingHeaderName: 'x-amz-acl' } });
  }
  const list = optionalChild(readPolicy(document), 'AccessControlList');
  if (list === undefined) throw new S3Error('MalformedACLError');
  if (!childrenNamed(list, 'Grant').every((grant) => isOwners(grant, owner))) {
    throw new S3Error('AccessControlListNotSupported');
  }
}

function readPolicy(document: Uint8Array): XmlElement {
  try {
    return parseXml(document, { root: 'AccessControlPolicy', maxBytes: maxAclBytes });
  } catch (error) {
    if (error instanceof S3Error && error.code === 'MalformedXML') {
      throw new S3Error('MalformedACLError', { cause: error });
    }
    throw error;
  }
}

function isOwners(grant: XmlElement, owner: Owner): boolean {
  const grantee = optionalChild(grant, 'Grantee');
  if (grantee === undefined) throw new S3Error('MalformedACLError');
  return (
    requiredText(grant, 'Permission').trim() === 'FULL_CONTROL' &&
    childrenNamed(grantee, 'ID').some(({ text }) => text.trim() === owner.id)
  );
}
