import { afterAll, beforeAll } from 'vitest';
import { pipelinesContract } from '../contract/pipelines.ts';
import { type OpenTarget, openTarget } from './deploy.ts';
import { localstackTarget } from './target.ts';

let target: OpenTarget;
beforeAll(async () => {
  target = await openTarget(localstackTarget());
});
afterAll(() => target.close());

pipelinesContract(() => target);
