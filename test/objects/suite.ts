/** What objects tell of themselves and how they are written, as S3 clients see it, over every backend. */
import { describe } from 'vitest';
import { runningGateway } from '../encryption/suite.ts';
import { type GatewayOptions, haveServices } from '../kit/gateway.ts';
import { attributeTests } from './attributes.ts';
import { checksumTests } from './checksums.ts';
import { deletionTests } from './deletions.ts';
import { listTests } from './lists.ts';
import { readTests } from './reads.ts';

export function objectSuite(name: string, options: GatewayOptions): void {
  describe.skipIf(!haveServices(options))(`objects on ${name}`, () => {
    const subject = runningGateway(options);
    attributeTests(subject);
    checksumTests(subject);
    readTests(subject);
    listTests(subject, options);
    deletionTests(subject);
  });
}
