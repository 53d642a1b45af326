/**
 * Resource types that LocalStack reports as made and does nothing for. A deployment with any other such type fails its
 * test; what these would do is asserted on the template, in the test that is named.
 */
export const allowedTypes: { readonly [type: string]: string } = {
  'AWS::StepFunctions::StateMachineVersion': 'test/constructs/pipeline.test.ts',
  'AWS::StepFunctions::StateMachineAlias': 'test/constructs/pipeline.test.ts',
  'AWS::CloudWatch::Dashboard': 'test/constructs/platform-watch.test.ts',
};
