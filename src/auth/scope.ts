/** The credential scope `AKID/yyyymmdd/region/service/aws4_request`, and what AWS says of a wrong one. */
import { S3Error, type S3ErrorCode, type S3ErrorOptions } from '../s3/errors.ts';
import { parseBasicDate } from './dates.ts';
import { type Scope, terminator } from './sigv4.ts';

export interface ScopeRules {
  /** The gateway's own region, named to clients that signed for another. */
  readonly region: string;
  readonly regions: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

export interface ScopedCredential {
  readonly accessKeyId: string;
  readonly scope: Scope;
}

/** Where the credential was, which decides how AWS words its complaint. */
export type CredentialPlace = 'header' | 'query' | 'form';

const complaints: Record<CredentialPlace, { readonly code: S3ErrorCode; readonly prefix: string }> = {
  header: { code: 'AuthorizationHeaderMalformed', prefix: 'The authorization header is malformed; ' },
  query: {
    code: 'AuthorizationQueryParametersError',
    prefix: 'Error parsing the X-Amz-Credential parameter; ',
  },
  form: { code: 'InvalidArgument', prefix: '' },
};

/** Reads a credential. Throws AuthorizationHeaderMalformed, AuthorizationQueryParametersError or InvalidArgument. */
export function parseCredential(text: string, place: CredentialPlace, rules: ScopeRules): ScopedCredential {
  const { code, prefix } = complaints[place];
  const argument = place === 'form' ? { ArgumentName: 'X-Amz-Credential', ArgumentValue: text } : {};
  const refuse = (message: string, more: Pick<S3ErrorOptions, 'extra' | 'headers'> = {}): S3Error =>
    new S3Error(code, { ...more, message: prefix + message, extra: { ...argument, ...more.extra } });

  // Read from the right: an access key ID may hold slashes.
  const parts = text.split('/');
  const [date, region, service, end] = parts.slice(-4);
  const accessKeyId = parts.slice(0, -4).join('/');
  if (
    accessKeyId === '' ||
    date === undefined ||
    region === undefined ||
    service === undefined ||
    end === undefined
  ) {
    throw refuse(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  if (!rules.services.has(service)) {
    throw refuse(`incorrect service "${service}". This endpoint belongs to "s3".`);
  }
  if (end !== terminator) {
    throw refuse(`incorrect terminal "${end}". This endpoint uses "${terminator}".`);
  }
  if (parseBasicDate(`${date}T000000Z`) === undefined) {
    throw refuse(
      `incorrect date format "${date}". This date in the credential must be in the format "yyyyMMdd".`,
    );
  }
  if (region === '') throw refuse('a non-empty region must be provided in the credential.');
  if (!rules.regions.has(region)) {
    throw refuse(`the region '${region}' is wrong; expecting '${rules.region}'`, {
      extra: { Region: rules.region },
      // The answer to HEAD has no body that could name it.
      ...(place === 'header' && { headers: { 'x-amz-bucket-region': rules.region } }),
    });
  }
  return { accessKeyId, scope: { date, region, service } };
}
