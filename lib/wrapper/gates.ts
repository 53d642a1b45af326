/**
 * What a job's function does at gates (see lib/compiler/gates.ts): before the handler it fetches values that no variable
 * brings, after the checkpoint it leaves what others read behind gates and opens its own. Each step may be repeated:
 * sets and flags stay as they are, and a token that was used is dead.
 */
import { jobErrors } from '../errors.ts';
import { filledInput, gateAttributes as at, gateLifetimeSeconds, type GateWork, keptPart } from '../gate-layout.ts';
import { environment } from '../storage-layout.ts';
import type { Checkpoints } from './checkpoint.ts';
import type { Envelope } from './envelope.ts';
import { jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';
import { CallError, dynamodb, refusal, type SignedCall, stepFunctions } from './signed-calls.ts';

/**
 * The job's input with what it lacks, read from the checkpoints of the jobs that made it. A job that is named here has
 * completed: a gate or the order of states has waited for it.
 */
export async function fillInput(envelope: Envelope, store: Checkpoints | undefined): Promise<unknown> {
  const inputs = envelope.gates?.inputs ?? [];
  if (inputs.length === 0) return envelope.input;
  const jobs = [...new Set(inputs.map(({ job }) => job))];
  const outputs = new Map(
    await Promise.all(jobs.map(async (job) => [job, await outputOf(job, envelope, store)] as const)),
  );
  return filledInput(envelope.input, inputs, (job) => outputs.get(job));
}

async function outputOf(job: string, { block }: Envelope, store: Checkpoints | undefined): Promise<unknown> {
  const found = await store?.find({ block, job });
  if (found === undefined || found.as === 'candidate')
    throw jobError(jobErrors.recordFailed, `the output of ${job}, which this job needs, is not recorded`);
  return JSON.parse(found.output);
}

/** Leaves what is read behind gates and opens the job's gates. @param output JSON text */
export async function openGates(
  ports: WrapperPorts,
  call: SignedCall,
  { gates, execution, startedAtMs }: Envelope,
  output: string,
): Promise<void> {
  if (gates === undefined || (gates.open === undefined && gates.keep === undefined)) return;
  const table = ports.environment[environment.gatesTable];
  if (table === undefined || table === '')
    throw jobError(jobErrors.recordFailed, `there are gates to open, and ${environment.gatesTable} names no table`);
  const update = async (key: string, expression: string, values: object): Promise<Attributes> => {
    const expires = Math.floor(startedAtMs / 1_000) + gateLifetimeSeconds;
    try {
      const answer = await call(dynamodb, 'UpdateItem', {
        TableName: table,
        Key: {
          [at.partitionKey]: { S: execution },
          [at.sortKey]: { S: gates.path === undefined ? key : `${gates.path}/${key}` },
        },
        UpdateExpression: `${expression} ${at.expires} = :expires`,
        ExpressionAttributeValues: { ...values, ':expires': { N: String(expires) } },
        ReturnValues: 'ALL_NEW',
      });
      return (answer as { readonly Attributes?: Attributes }).Attributes ?? {};
    } catch (thrown) {
      throw refusal(`UpdateItem on table ${table}`, thrown);
    }
  };
  if (gates.keep !== undefined) {
    const kept = JSON.stringify(keptPart(JSON.parse(output), gates.keep.fields) ?? null);
    await update(gates.keep.key, `SET ${at.value} = :value,`, { ':value': { S: kept } });
  }
  // What is kept is there before anybody goes on because of it.
  await Promise.all((gates.open ?? []).map((gate) => openGate(gate, update, call)));
}

interface Attributes {
  readonly [name: string]: {
    readonly S?: string;
    readonly SS?: readonly string[];
    readonly L?: readonly { readonly S?: string }[];
  };
}

async function openGate(
  gate: NonNullable<GateWork['open']>[number],
  update: (key: string, expression: string, values: object) => Promise<Attributes>,
  call: SignedCall,
): Promise<void> {
  if ('flag' in gate) {
    const item = await update(gate.flag, `SET ${at.done} = :yes,`, { ':yes': { BOOL: true } });
    await Promise.all((item[at.waiting]?.L ?? []).map(({ S: token }) => wake(call, token)));
    return;
  }
  const item = await update(gate.latch, `ADD ${at.arrived} :self SET`, { ':self': { SS: [gate.self] } });
  if ((item[at.arrived]?.SS?.length ?? 0) >= gate.all) await wake(call, item[at.waiting]?.S);
}

/** A wait that has ended, or whose execution has, is not to be told. */
const dead = new Set(['TaskTimedOut', 'InvalidToken', 'TaskDoesNotExist']);

async function wake(call: SignedCall, taskToken: string | undefined): Promise<void> {
  if (taskToken === undefined) return;
  try {
    await call(stepFunctions, 'SendTaskSuccess', { taskToken, output: '{}' });
  } catch (thrown) {
    if (thrown instanceof CallError && dead.has(thrown.type.replace(/Exception$/, ''))) return;
    throw refusal('SendTaskSuccess', thrown);
  }
}
