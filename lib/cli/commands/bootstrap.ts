/** `bunsui bootstrap`: prepares an account and region for deployments by CDK. Once for each. */
import { findCdk, runCdk } from '../cdk.ts';
import type { CommandContext } from '../context.ts';
import { deploymentOf } from '../deployment.ts';
import { exitCodes } from '../exit-codes.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { usualPlatform } from '../platform-target.ts';
import { readProjectFile } from '../project-file.ts';
import type { StackTarget } from '../stacks.ts';

export interface BootstrapOptions extends StackTarget {
  readonly stage?: string;
  readonly json?: true;
}

export async function bootstrapCommand(context: CommandContext, options: BootstrapOptions): Promise<number> {
  const { out, err } = context.terminal;
  const cdk = findCdk(context.cwd);
  const request = { files: [], cwd: context.cwd, params: [], context: [], platform: usualPlatform };
  const { deployment, ...where } = await deploymentOf(
    { ...request, ...(options.stage === undefined ? {} : { stage: options.stage }) },
    await readProjectFile(context.cwd),
  );
  const { stage: _stage, json, ...typed } = options;
  const target = { ...where, ...typed };
  const { synthesise } = await import('../assembly.ts');
  // CDK takes account and region from the stacks of an app: any stack does, whatever is deployed later.
  const empty = { ...deployment, files: [], prefix: 'bootstrap' };
  const assembly = await synthesise(context, { deployment: empty, withPlatform: false, emptyStacks: ['bootstrap'] });
  if (!json) err.write(`${err.palette.dim('making the bucket and roles that CDK deploys with')}\n`);
  await runCdk(context, { cdk, assembly: assembly.folder, target, args: ['bootstrap'] });
  if (json) out.write(jsonLine('bootstrapped', { at: isoTime(Date.now()) }));
  else out.write(`this account and region are ready. Now: ${context.commandName} deploy\n`);
  return exitCodes.ok;
}
