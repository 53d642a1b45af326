import { afterAll, beforeAll, describe } from 'vitest';
import { largeValuesContract } from '../../contract/large-values.ts';
import { type OpenTarget, openTarget } from '../deploy.ts';
import { localstackTarget } from '../target.ts';

let target: OpenTarget;
beforeAll(async () => {
  target = await openTarget(localstackTarget());
});
afterAll(() => target.close());

// Where its machine is busy LocalStack drops calls that it makes to itself, and calls that States.Runtime, which nothing may catch.
describe('on LocalStack', { retry: 2 }, () => {
  largeValuesContract(() => target, [64, 32_768, 32_769, 200_001, 262_145, 409_601, 6 * 1_048_576], [[31_000, 9]]);
});
