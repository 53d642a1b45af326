/** Publishing to SNS, for any endpoint. */
import { CreateTopicCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { describe, expect, it } from 'vitest';
import { clientConfig, freshName, refusal, type Target } from './target.ts';

export function snsContract(target: () => Target): void {
  describe('SNS', () => {
    it('makes a topic once and publishes to it', async () => {
      const sns = new SNSClient(clientConfig(target()));
      const Name = freshName('topic');
      const { TopicArn } = await sns.send(new CreateTopicCommand({ Name }));
      expect(TopicArn).toBe(`arn:aws:sns:${target().region}:${target().accountId}:${Name}`);
      expect((await sns.send(new CreateTopicCommand({ Name }))).TopicArn).toBe(TopicArn);
      const published = await sns.send(new PublishCommand({ TopicArn, Subject: 'It failed', Message: 'a <b> & c' }));
      expect(published.MessageId).toMatch(/^[0-9a-f-]{36}$/);
      const nowhere = sns.send(new PublishCommand({ TopicArn: `${TopicArn}x`, Message: 'm' }));
      expect(await refusal(nowhere)).toMatch(/^NotFound/);
    });
  });
}
