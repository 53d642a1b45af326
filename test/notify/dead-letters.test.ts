/** Dead letters: looked at without taking them, and sent again. */
import { describe, expect, it } from 'vitest';
import { channelCounts, deadLetters, redriveDeadLetters } from '../../lib/notify/dead-letters.ts';
import { delivering } from './delivering.ts';
import { failedNotice } from './notices.ts';
import { receiverForTest } from './receiver.ts';

const noPause = () => Promise.resolve();

/** A channel with letters that were refused: `count` notices, and one that is none. */
async function refused(count: number) {
  const receiver = await receiverForTest(() => 410);
  const the = await delivering({ hook: { kind: 'webhook', url: receiver.url, allowPrivate: true } });
  const bodies = Array.from({ length: count }, (_, index) => ({ ...failedNotice, delivery_id: `n${index}` }));
  for (const body of [...bodies, 'no notice']) {
    await the.send('hook', body);
    await the.takeAll('hook');
  }
  return { ...the, queues: { sqs: the.sqs, prefix: 'test' } };
}

describe('dead letters', () => {
  it('are shown with reason and time, all of them, and can be shown again', async () => {
    const { queues } = await refused(12);
    const letters = await deadLetters(queues, 'hook', 100);
    expect(letters.map(({ notice, reason }) => [notice?.delivery_id, reason])).toStrictEqual([
      ...Array.from({ length: 12 }, (_, index) => [`n${index}`, 'HTTP 410']),
      [undefined, 'this is no notice: it is not JSON'],
    ]);
    expect(letters.every(({ since }) => Math.abs(Date.parse(since) - Date.now()) < 60_000)).toBe(true);
    expect(await deadLetters(queues, 'hook', 100)).toStrictEqual(letters);
    expect(await deadLetters(queues, 'hook', 3)).toHaveLength(3);
  });

  it('are counted, and go back to the queue when they are to be tried again', async () => {
    const { queues } = await refused(2);
    expect(await channelCounts(queues, 'hook')).toStrictEqual({ waiting: 0, dead: 3 });
    expect(await redriveDeadLetters(queues, 'hook', noPause)).toBe(3);
    expect(await channelCounts(queues, 'hook')).toStrictEqual({ waiting: 3, dead: 0 });
    expect(await redriveDeadLetters(queues, 'hook', noPause)).toBe(0);
  });

  it('of a channel that was never deployed are not found', async () => {
    const { queues } = await refused(0);
    await expect(deadLetters(queues, 'other', 1)).rejects.toMatchObject({
      code: 'BS3009',
      message: 'the channel has no queue: there is no test-notify-other-dead',
    });
  });

  it.each([
    ['FAILED', 'SQS moved 1 notices, then it stopped: throttled'],
    ['RUNNING', 'SQS is still moving notices after five minutes'],
  ])('that SQS does not move, or not in time, are an error: %s', async (Status, message) => {
    const { queues } = await refused(1);
    const sqs: Pick<typeof queues.sqs, 'send'> = Object.assign(Object.create(queues.sqs), {
      async send(command: { readonly constructor: { readonly name: string } }) {
        if (command.constructor.name !== 'ListMessageMoveTasksCommand') return queues.sqs.send(command as never);
        return { Results: [{ Status, ApproximateNumberOfMessagesMoved: 1, FailureReason: 'throttled' }] };
      },
    });
    await expect(redriveDeadLetters({ sqs, prefix: 'test' }, 'hook', noPause)).rejects.toThrow(message);
  });
});
