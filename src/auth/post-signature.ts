/** SigV4 in the fields of a form (S3 API reference, "Authenticating Requests: Browser-Based Uploads Using POST"). */
import { S3Error } from '../s3/errors.ts';
import {
  type Authentication,
  type AuthenticatorOptions,
  checkSessionToken,
  scopeRules,
  unknownKey,
} from './authenticate.ts';
import { parseBasicDate } from './dates.ts';
import { unsupportedMechanism, unsupportedSigV4a } from './header-auth.ts';
import { parseCredential } from './scope.ts';
import { algorithm, SigningKeys, scopeText, sign, signatureMismatch, signaturesEqual } from './sigv4.ts';

/** Fields by lower-case name. Anonymous for a form that nobody signed; throws the S3Error that AWS answers. */
export type AuthenticateForm = (fields: ReadonlyMap<string, string>) => Authentication;

/** As errors spell them. */
const required = ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Signature', 'Policy'] as const;

/** What is signed is the policy as sent, base64 and all; what the policy says is judged elsewhere. */
export function createFormAuthenticator(options: AuthenticatorOptions): AuthenticateForm {
  const { credentials, clock = Date.now } = options;
  const rules = scopeRules(options);
  const keys = new SigningKeys();

  return (fields) => {
    if (fields.has('awsaccesskeyid') || fields.has('signature')) throw unsupportedMechanism();
    // A policy alone signs nothing.
    if (!required.some((name) => name !== 'Policy' && fields.has(name.toLowerCase()))) {
      return { kind: 'anonymous', payload: { kind: 'unsigned' }, hoisted: new Map() };
    }
    const [method, credentialText, timestamp, signature, policy] = required.map((name) => {
      const value = fields.get(name.toLowerCase());
      if (value !== undefined) return value;
      throw invalid(
        name,
        `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
        '',
      );
    }) as [string, string, string, string, string];

    if (method === 'AWS4-ECDSA-P256-SHA256') throw unsupportedSigV4a();
    if (method !== algorithm) {
      throw invalid('X-Amz-Algorithm', 'Only AWS4-HMAC-SHA256 is supported', method);
    }
    if (parseBasicDate(timestamp) === undefined) {
      throw invalid('X-Amz-Date', 'X-Amz-Date must be formated via ISO8601 Long format', timestamp);
    }
    const { accessKeyId, scope } = parseCredential(credentialText, 'form', rules);
    const credential = credentials.find(accessKeyId);
    if (credential === undefined) throw unknownKey(accessKeyId);
    const claim = { accessKeyId, sessionToken: fields.get('x-amz-security-token') };
    checkSessionToken(claim, credential, new Date(clock()));
    const key = keys.get(credential, scope);
    if (!signaturesEqual(sign(key, policy), signature)) {
      throw signatureMismatch(accessKeyId, policy, signature);
    }

    return {
      kind: 'signed',
      scheme: 'form',
      accessKeyId,
      identity: credential.identity,
      region: scope.region,
      service: scope.service,
      payload: { kind: 'unsigned' },
      hoisted: new Map(),
      signing: { accessKeyId, key, scope: scopeText(scope), timestamp, seedSignature: signature },
    };
  };
}

function invalid(name: string, message: string, value: string): S3Error {
  return new S3Error('InvalidArgument', { message, extra: { ArgumentName: name, ArgumentValue: value } });
}
