/** How a template says common things. */
import type { Resources } from './synth.ts';
import { propertiesOf } from './synth.ts';

export const account = { Ref: 'AWS::AccountId' };
export const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
/** An ARN that goes on. */
export const under = (id: string, path: string) => ({ 'Fn::Join': ['', [arn(id), path]] });
/** An ARN of this account and region. */
export const arnOf = (service: string, rest: string) => ({
  'Fn::Join': [
    '',
    ['arn:', { Ref: 'AWS::Partition' }, `:${service}:`, { Ref: 'AWS::Region' }, ':', account, `:${rest}`],
  ],
});
export const statement = (action: string | string[], resource: unknown, more: object = {}) => ({
  Action: action,
  Effect: 'Allow',
  Resource: resource,
  ...more,
});
/** A policy that refuses what does not use TLS. */
export const onlyTls = (action: string, resource: unknown) => ({
  Action: action,
  Effect: 'Deny',
  Principal: { AWS: '*' },
  Resource: resource,
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
});

/** Statements of all policies of one type, by logical id. */
export function statementsByPolicy(resources: Resources, type = 'AWS::IAM::Policy') {
  return Object.fromEntries(
    Object.entries(propertiesOf(resources, type)).map(([id, properties]) => [
      id,
      (properties as { PolicyDocument: { Statement: unknown[] } }).PolicyDocument.Statement,
    ]),
  );
}
