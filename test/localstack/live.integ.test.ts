/** The books of running sessions: what the live feed tells, and whom it adopts. */
import { isDeepStrictEqual } from 'node:util';
import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, it } from 'vitest';
import { getSession } from '../../lib/sessions/store.ts';
import { sessionOfExecution } from '../../lib/storage-layout.ts';
import { eventually } from '../eventually.ts';
import { deployApp, main } from './platforms.ts';

const { deps } = main;

beforeAll(deployApp);

const start = (input: object) => main.start({ pipeline: 'errand', input });

async function stateOf(session: string) {
  const item = await getSession(deps, session);
  const { attempts } = await main.attemptsOf(session);
  return { status: item?.status, jobs: `${item?.completed_jobs} of ${item?.total_jobs}`, attempts };
}

/** Waits until the first job has ended and the second one runs. */
const halfDone = (session: string) =>
  eventually(
    `session ${session} to be half done`,
    () => stateOf(session),
    (state) => isDeepStrictEqual(state, half),
  );

const half = { status: 'running', jobs: '1 of 2', attempts: ['first 1 completed', 'second 1 running'] };
const whole = { status: 'completed', jobs: '2 of 2', attempts: ['first 1 completed', 'second 1 completed'] };

describe('the books of a deployed platform', () => {
  it.concurrent('tell how far a session is while it runs, and each attempt once when it has ended', async () => {
    const { session_id: session } = await start({ until: 'live-1' });
    await halfDone(session);
    await main.letGo('live-1');
    await main.come(session, 'completed');
    expect(await stateOf(session)).toStrictEqual(whole);
  });

  it.concurrent('have an execution that Step Functions itself has started, while it runs', async () => {
    const { executionArn = '', startDate = new Date(0) } = await deps.sfn.send(
      new StartExecutionCommand({ stateMachineArn: main.machine('errand'), input: '{"until":"live-2"}' }),
    );
    const { session } = sessionOfExecution(executionArn, startDate.toISOString());
    await halfDone(session);
    expect((await getSession(deps, session))?.trigger).toStrictEqual({
      kind: 'manual',
      detail: 'started without bunsui',
    });
    await main.letGo('live-2');
    await main.come(session, 'completed');
    expect(await stateOf(session)).toStrictEqual(whole);
  });
});
