/** `bunsui approve` and the commands below `bunsui approvals`. */
import type { Command } from 'commander';
import type { CommandContext } from './context.ts';
import type { HelpPage } from './help.ts';
import { collect, jsonOption, onPlatform, type PlatformOptions, type Run } from './options.ts';

interface ApproveOptions extends PlatformOptions {
  readonly answer?: readonly string[];
  readonly input?: string;
  readonly reject?: true;
  readonly reason?: string;
}

const notes = [
  'SESSION is an id, its beginning or end as long as only one session has it, or "latest". JOB is the approval, inside of ' +
    'a map with its item: release[3]/signoff.',
  'The answer is on record with your name: the user of this machine, here as on AWS.',
];

export const approvalPages: { readonly [command: string]: HelpPage } = {
  approve: {
    examples: [
      ['bunsui approve latest signoff --answer stage=canary', 'approve, with the form filled in'],
      ['bunsui approve latest signoff --reject --reason "AUC fell"', 'reject'],
    ],
    notes,
  },
  approvals: { examples: [['bunsui approvals list', 'what waits for a person']], notes: [] },
  'approvals list': {
    examples: [['bunsui approvals list --json | jq .form', 'what is to be filled in, as JSON Schema']],
    notes: [],
  },
};

export function addApprovalCommands(program: Command, context: CommandContext, run: Run): void {
  onPlatform(program.command('approve'), context)
    .description('Answers an approval that a session waits for.')
    .argument('SESSION', 'the session')
    .argument('JOB', 'the approval')
    .option('-a, --answer <key=value>', 'a field of the form, typed by its schema; repeatable', collect)
    .option('--input <file>', 'the form as a JSON file, or - for stdin; --answer goes over it')
    .option('--reject', 'reject it')
    .option('--reason <text>', 'why, for the record')
    .addOption(jsonOption('print the answer as one JSON object'))
    .action((session: string, job: string, options: ApproveOptions) =>
      run(async () => (await import('./commands/approve.ts')).approveCommand(context, session, job, options)),
    );
  const approvals = program.command('approvals').description('What waits for a person.');
  onPlatform(approvals.command('list'), context)
    .description('Lists the approvals that wait for an answer, the oldest first.')
    .addOption(jsonOption('print the records as JSON Lines'))
    .action((options: PlatformOptions) =>
      run(async () => (await import('./commands/approvals-list.ts')).listApprovalsCommand(context, options)),
    );
}
