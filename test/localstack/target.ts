/** LocalStack as a target of the contract suites. */
import { inject } from 'vitest';
import { clientEnvironment } from '../../localstack/server.ts';
import { clientConfig, type Target } from '../contract/target.ts';

/** The account that LocalStack takes callers for. */
const accountId = '000000000000';

export function localstackTarget(): Target {
  const {
    AWS_REGION: region = '',
    AWS_ACCESS_KEY_ID = '',
    AWS_SECRET_ACCESS_KEY = '',
  } = clientEnvironment(inject('localstack'));
  return {
    endpoint: inject('localstack').endpoint,
    region,
    accountId,
    credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
  };
}

/** What clients are made with that ask for no refusal: LocalStack closes connections that clients have kept. */
export const patientConfig = () => ({ ...clientConfig(localstackTarget()), maxAttempts: 4 });
