/**
 * What a deployed platform is made of, in SSM under `/bunsui/{prefix}/`: written by `Platform`, read by
 * `Platform.fromAttributes` and by the command line.
 */
import type { Stack } from 'aws-cdk-lib';
import { CfnParameter as SsmParameter } from 'aws-cdk-lib/aws-ssm';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import type { PlatformParameter } from '../storage-layout.ts';
import { parameterPath } from '../storage-layout.ts';

/** Texts by name; a text is at most 4,096 characters, or 8,192 for more money. */
export type ParameterValues = { readonly [name in PlatformParameter]: string };

/** Writes all parameters. */
export function writeParameters(scope: Construct, prefix: string, values: ParameterValues): void {
  const parameters = new Construct(scope, 'Parameters');
  for (const [name, value] of Object.entries(values)) {
    new SsmParameter(parameters, name, {
      type: 'String',
      name: `${parameterPath(prefix)}/${name}`,
      description: `bunsui: ${name} of platform ${prefix}`,
      value,
    });
  }
}

/** A parameter's text, as CloudFormation finds it when it deploys the stack. */
export function readParameter(stack: Stack, prefix: string, name: PlatformParameter): string {
  return StringParameter.valueForStringParameter(stack, `${parameterPath(prefix)}/${name}`);
}
