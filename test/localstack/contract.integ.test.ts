import { describe } from 'vitest';
import { dynamodbContract } from '../contract/dynamodb.ts';
import { s3Contract } from '../contract/s3.ts';
import { snsContract } from '../contract/sns.ts';
import { sqsContract } from '../contract/sqs.ts';
import { stepFunctionsContract } from '../contract/step-functions.ts';
import { withGaps } from './gaps.ts';
import { localstackTarget } from './target.ts';

describe('LocalStack', () => {
  withGaps(() => {
    stepFunctionsContract(localstackTarget);
    s3Contract(localstackTarget);
    dynamodbContract(localstackTarget);
    snsContract(localstackTarget);
    sqsContract(localstackTarget);
  });
});
