import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openActivities } from '../../lib/local/activities.ts';
import { localClient } from '../../lib/local/client.ts';
import { localTaskRunner } from '../../lib/local/task-runner.ts';
import { taskTokens } from '../../lib/local/task-tokens.ts';
import { watchDisk } from '../faults/disk.ts';
import { openForTest, temporaryFolder } from './runtimes.ts';

const one = (index: number) => ({ arn: `arn${index}`, name: `n${index}`, createdAtMs: index });
const resource = 'arn:aws:states:us-east-1:000000000000:activity:w';

describe('activities', () => {
  it('are all kept when they are made at one moment', async () => {
    for (let round = 0; round < 20; round += 1) {
      const folder = temporaryFolder();
      const activities = await openActivities(folder);
      await Promise.all(Array.from({ length: 8 }, (_, index) => activities.save(one(index))));
      expect((await openActivities(folder)).list()).toHaveLength(8);
    }
  });

  it('are not there when the disk has refused them', async () => {
    const folder = temporaryFolder();
    const disk = watchDisk(folder);
    onTestFinished(disk.release);
    const activities = await openActivities(folder);
    disk.failing = (what) => (what === 'write' ? 'ENOSPC' : undefined);
    await expect(activities.save(one(1))).rejects.toThrow('ENOSPC');
    expect(activities.find('arn1')).toBeUndefined();
    disk.failing = undefined;
    await activities.save(one(1));
    await expect(activities.remove('arn1').then(() => activities.find('arn1'))).resolves.toBeUndefined();
  });

  it('offer no task that was ended before anybody took it', async () => {
    const tokens = taskTokens();
    const activities = await openActivities(temporaryFolder());
    const unused = undefined as never;
    const runner = localTaskRunner({
      tokens,
      activities,
      dynamodb: unused,
      objects: unused,
      pool: unused,
      place: unused,
      log: unused,
      children: unused,
      mapRuns: unused,
    });
    const task = {
      executionArn: 'e',
      stateName: 'a',
      tryId: 'e#1',
      resource,
      arguments: {},
      retryCount: 0,
      restarts: 1,
    };
    const progress = { taken() {}, heartbeat() {}, submitted() {} };
    const ended = runner.run({ ...task, token: 'T' }, new AbortController().signal, progress);
    tokens.end('T', { ok: true, output: 1 });
    expect(await ended).toStrictEqual({ ok: true, output: 1 });
    expect(await activities.take(resource, 'w', AbortSignal.timeout(50))).toBeUndefined();
    const aborted = runner.run({ ...task, token: 'U' }, AbortSignal.abort(), progress);
    void aborted;
    expect(await activities.take(resource, 'w', AbortSignal.timeout(50))).toBeUndefined();
  });

  it('give no task to a worker that has gone', async () => {
    const runtime = await openForTest({ stateDir: join(temporaryFolder(), 'state') });
    const client = localClient(runtime);
    const call = async (operation: string, input: object) => {
      const answer = await client.json('states', `AWSStepFunctions.${operation}`, input);
      if (!answer.ok) throw new Error(answer.message);
      return answer.value as { readonly [field: string]: string };
    };
    const { activityArn } = await call('CreateActivity', { name: 'w' });
    const { stateMachineArn } = await call('CreateStateMachine', {
      name: 'm',
      roleArn: 'arn:aws:iam::000000000000:role/r',
      definition: JSON.stringify({ StartAt: 'a', States: { a: { Type: 'Task', Resource: activityArn, End: true } } }),
    });
    const leaving = AbortSignal.timeout(200);
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AWSStepFunctions.GetActivityTask',
    };
    const gone = client.send('states', 'POST', '/', JSON.stringify({ activityArn }), headers, leaving);
    await expect(gone).rejects.toThrow();
    // The endpoint sees the end of the connection a moment after its caller.
    await call('ListActivities', {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    await call('StartExecution', { stateMachineArn: stateMachineArn ?? '', input: '{"n":1}' });
    expect(await call('GetActivityTask', { activityArn })).toHaveProperty('taskToken');
  }, 10_000);
});
