/** The commands that bring pipelines to AWS, list what is there, and take it away. */
import { type Command, Option } from 'commander';
import type { CommandContext } from './context.ts';
import { awsOptions, collect, jsonOption, oneOf, type Run } from './options.ts';

interface WhereOptions {
  readonly profile?: string;
  readonly region?: string;
  readonly endpointUrl?: string;
}
interface DeployOptions extends WhereOptions {
  readonly stage?: string;
  readonly platform?: string;
  readonly context?: readonly string[];
  readonly param?: readonly string[];
  readonly requireApproval?: 'any-change' | 'broadening' | 'never';
  readonly plan?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** Options that say where AWS is, after all others. */
function onAws(command: Command): Command {
  for (const option of awsOptions()) command.addOption(option);
  return command;
}

const approvals = ['any-change', 'broadening', 'never'];

export function addDeployCommands(program: Command, context: CommandContext, run: Run): void {
  onAws(
    program
      .command('deploy')
      .description(
        'Deploys pipelines, and the platform they run on, to AWS: shows what would change, asks, and does it.',
      )
      .argument('[FILE...]', 'pipeline files; without any those that bunsui.json lists')
      .option('--stage <name>', 'a stage of its own, beside others: dev, prod')
      .option('-p, --param <name=value>', 'a parameter of the platform, or env.NAME for handlers; repeatable', collect)
      .option('--context <name=value>', 'context of CDK: a feature flag; repeatable', collect)
      .option('--plan', 'only show what would change; ends with 2 when something would')
      .option('--yes', 'do not ask')
      .addOption(
        new Option('--require-approval <level>', `when to ask: ${approvals.join(', ')}`)
          .argParser(oneOf('level', approvals))
          .default('any-change'),
      )
      .addOption(jsonOption('print plan and events as JSON Lines'))
      .option('--platform <name>', 'name of the platform (default bunsui, with the stage at its end)'),
  ).action((files: readonly string[], options: DeployOptions) =>
    run(async () => (await import('./commands/deploy.ts')).deployCommand(context, files, options)),
  );
  onAws(
    program
      .command('bootstrap')
      .description('Prepares an account and region for deployments: the bucket and roles that CDK deploys with. Once.')
      .option('--stage <name>', 'the stage in bunsui.json that says where')
      .addOption(jsonOption('print that it is ready as a JSON line')),
  ).action((options: WhereOptions & { readonly stage?: string; readonly json?: true }) =>
    run(async () => (await import('./commands/bootstrap.ts')).bootstrapCommand(context, options)),
  );
  const stack = program.command('stack').description('Lists and destroys what "bunsui deploy" has deployed.');
  onAws(
    stack
      .command('list')
      .summary('platforms and pipelines that are deployed')
      .description('Lists the stacks of platforms and pipelines in an account and region.')
      .addOption(jsonOption('print them as JSON Lines')),
  ).action((options: WhereOptions & { readonly json?: true }) =>
    run(async () => (await import('./commands/stack-list.ts')).listStacksCommand(context, options)),
  );
  onAws(
    stack
      .command('destroy')
      .summary('take a pipeline or a platform away')
      .description('Destroys a stack; that of a platform with those of its pipelines. Says what stays, and asks.')
      .argument('NAME', 'the name of the stack')
      .option('--yes', 'do not ask')
      .addOption(jsonOption('print what was destroyed as JSON Lines')),
  ).action((name: string, options: WhereOptions & { readonly yes?: true; readonly json?: true }) =>
    run(async () => (await import('./commands/stack-destroy.ts')).destroyStackCommand(context, name, options)),
  );
}
