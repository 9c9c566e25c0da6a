import { randomBytes } from 'node:crypto';
import { createAzureAdapter } from '../../adapters/azure/index.ts';
import { adapterContract } from './contract.ts';

const containerPrefix = `t${randomBytes(4).toString('hex')}-`;
adapterContract('Azure', {
  make: () =>
    createAzureAdapter({ connectionString: process.env['TEST_AZURITE_CONNECTION_STRING'], containerPrefix }),
  cleanup: async () => undefined,
});
