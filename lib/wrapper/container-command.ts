/**
 * A program in the place of a container, on a laptop: it runs with the container's environment, and what it writes goes
 * into the session's log line by line. Called with what ECS would be called with; a program that ends with another
 * code than 0 fails the job as a container would.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { commandVariable, type ContainerCommand, containerVariables, sessionOfExecution } from '../storage-layout.ts';
import { type JobLog, jobLog } from './job-log.ts';
import { functionPorts } from './ports.ts';

interface RunTask {
  readonly Overrides?: {
    readonly ContainerOverrides?: readonly {
      readonly Environment?: readonly { readonly Name: string; readonly Value: string }[];
    }[];
  };
  readonly StartedBy?: string;
}

export async function handler(given: RunTask): Promise<unknown> {
  const command = JSON.parse(process.env[commandVariable] ?? '') as ContainerCommand;
  const overrides = given.Overrides?.ContainerOverrides?.[0]?.Environment ?? [];
  const variables = Object.fromEntries(overrides.map(({ Name, Value }) => [Name, Value]));
  const { [commandVariable]: _, ...own } = process.env;
  const log = logOf(command, variables);
  const [program = '', ...rest] = command.words;
  const child = spawn(program, rest, {
    cwd: command.folder,
    env: { ...own, ...command.environment, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = (stream: NodeJS.ReadableStream, write: (line: string) => void): Promise<void> =>
    new Promise((resolve) => {
      createInterface({ input: stream }).on('line', write).on('close', resolve);
    });
  const written = Promise.all([
    lines(child.stdout, (line) => log.info(line)),
    lines(child.stderr, (line) => log.error(line)),
  ]);
  const ended = await new Promise<{
    readonly code: number | null;
    readonly signal: string | null;
    readonly error?: Error;
  }>((resolve) => {
    child.on('error', (error) => resolve({ code: null, signal: null, error }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  await written;
  const { code, signal, error } = ended;
  if (error !== undefined)
    throw failed(`the program ${program} of operation ${command.operation} could not be started: ${error.message}`);
  if (code !== 0)
    throw failed(
      `the program ${program} of operation ${command.operation} ended ${signal === null ? `with code ${code}` : `by ${signal}`}`,
    );
  return { LastStatus: 'STOPPED', Containers: [{ Name: 'main', ExitCode: 0 }] };
}

/** As Step Functions names the failure of a container. */
function failed(message: string): Error {
  return Object.assign(new Error(message), { name: 'States.TaskFailed' });
}

function logOf({ operation }: ContainerCommand, variables: Readonly<Record<string, string>>): JobLog {
  const { [containerVariables.execution]: execution = '', [containerVariables.job]: job = '' } = variables;
  const session = variables[containerVariables.session] ?? '';
  return jobLog(functionPorts(), {
    session_id:
      session === '' ? sessionOfExecution(execution, variables[containerVariables.startedAt] ?? '').session : session,
    job_id: job,
    operation_id: operation,
    attempt: Number(variables[containerVariables.attempt] ?? 1),
  });
}
