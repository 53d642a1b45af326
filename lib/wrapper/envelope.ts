/** The envelope around a job's input, as the compiled state sends it. See wrap-handler.ts for its form. */
import { jobErrors } from '../errors.ts';
import type { GateWork } from '../gate-layout.ts';
import { type Keep, maxInlineBytes } from '../payload-layout.ts';
import { isSecretName, type SecretInput } from '../secret-layout.ts';
import {
  type ExecutionBlock,
  isGeneration,
  isInstant,
  isJobPath,
  isSafeId,
  reservedInputKey,
  sessionOfExecution,
} from '../storage-layout.ts';
import { jobError } from './job-error.ts';

export interface Envelope {
  readonly job: string;
  readonly operation: string;
  /** Which run of the job this is, from 1. */
  readonly attempt: number;
  readonly execution: string;
  readonly block: ExecutionBlock;
  readonly startedAtMs: number;
  /** What there is to do at gates. */
  readonly gates?: GateWork;
  /** What of the output must stay where it is, because an expression reads it or reads in it. */
  readonly keep: Keep;
  /** Most bytes of JSON that its answer may have; none, where a list is so long that it has room for names alone. */
  readonly inline: number;
  /** Secrets that the input is given. */
  readonly secrets?: readonly SecretInput[];
  /** What it does is to be undone when its pipeline fails. */
  readonly undoable: boolean;
  /** The path of the job that it undoes. */
  readonly compensates?: string;
  readonly input: unknown;
}

function fields(value: unknown): { readonly [name: string]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return value as { readonly [name: string]: unknown };
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

const isWhole = (value: unknown): value is number => Number.isInteger(value) && Math.abs(Number(value)) < 1e6;
const isCount = (value: unknown): value is number => isWhole(value) && value >= 0;
const isPath = (value: unknown): value is string => typeof value === 'string' && isJobPath(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 2048;

const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((part) => typeof part === 'string' || isCount(part));

/** The lists and their fields; what they say is the compiler's. */
const isGateWork = (value: unknown): value is GateWork => {
  const { path, inputs = [], open = [], keep } = fields(value);
  const isInput = ({ at, job, path: within }: { readonly [name: string]: unknown }) =>
    isTextList(at) && isPath(job) && isTextList(within);
  const isGate = ({ latch, all, self, flag }: { readonly [name: string]: unknown }) =>
    isText(flag) || (isText(latch) && isCount(all) && isText(self));
  return (
    (path === undefined || isText(path)) &&
    Array.isArray(inputs) &&
    inputs.every((input) => isInput(fields(input))) &&
    Array.isArray(open) &&
    open.every((gate) => isGate(fields(gate))) &&
    (keep === undefined || isText(fields(keep)['key']))
  );
};

const isSecretList = (value: unknown): value is readonly SecretInput[] =>
  Array.isArray(value) &&
  value.every((one) => {
    const { at, name } = fields(one);
    return isTextList(at) && typeof name === 'string' && isSecretName(name);
  });

/** A tree of fields; what it says is the compiler's. */
const isKeep = (value: unknown): value is Keep =>
  value === true ||
  (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isKeep));

/**
 * How often the runtime has started this task again after it was stopped itself: nothing that the state sends can tell.
 * On AWS nobody says so, and there is nothing to say.
 */
function restartsOf(clientContext: unknown): number {
  const restarts = fields(fields(fields(clientContext)['custom'])['bunsui'])['restarts'];
  return isCount(restarts) ? restarts : 0;
}

/**
 * Reads what a function was called with.
 *
 * @param clientContext as Lambda's context has it
 * @throws an error named `Bunsui.InputInvalid` that names every field which is wrong
 */
export function readEnvelope(event: unknown, clientContext: unknown, operation: string): Envelope {
  const sent = fields(fields(event)[reservedInputKey]);
  const block = fields(sent['block'] ?? undefined);
  const wrong: string[] = [];
  const read = <T>(at: string, value: unknown, fits: (value: unknown) => value is T, want: string): T | undefined => {
    if (fits(value)) return value;
    wrong.push(`${reservedInputKey}.${at} is ${show(value)}, not ${want}`);
    return undefined;
  };

  const job = read('job', sent['job'], isPath, 'a job path');
  const isOwn = (value: unknown): value is string => value === operation;
  read('operation', sent['operation'], isOwn, `"${operation}", which this function runs`);
  const retryCount = read('attempt', sent['attempt'], isCount, 'a whole number from 0');
  const execution = read('execution', sent['execution'], isText, 'an execution ARN');
  const startedAt = read('startedAt', sent['startedAt'], isInstant, 'a time in ISO 8601');
  const gates = sent['gates'] === undefined ? undefined : read('gates', sent['gates'], isGateWork, 'work at gates');
  const keep = sent['keep'] === undefined ? {} : read('keep', sent['keep'], isKeep, 'a tree of fields');
  const inline =
    sent['inline'] === undefined ? maxInlineBytes : read('inline', sent['inline'], isWhole, 'a whole number');
  const secrets =
    sent['secrets'] === undefined ? undefined : read('secrets', sent['secrets'], isSecretList, 'a list of secrets');
  const compensates =
    sent['compensates'] === undefined ? undefined : read('compensates', sent['compensates'], isPath, 'a job path');
  if (sent['redrive'] !== undefined) read('redrive', sent['redrive'], isCount, 'a whole number from 0');

  let given: ExecutionBlock | undefined;
  if (sent['block'] !== undefined && sent['block'] !== null) {
    const isId = (value: unknown): value is string => typeof value === 'string' && isSafeId(value);
    const session = read('block.session', block['session'], isId, 'a session id');
    const createdAt = read('block.createdAt', block['createdAt'], isInstant, 'a time in ISO 8601');
    const generation = read('block.generation', block['generation'], isGeneration, 'a whole number from 1');
    if (session !== undefined && createdAt !== undefined && generation !== undefined) {
      given = { session, createdAt, generation };
    }
  }
  if (
    wrong.length > 0 ||
    job === undefined ||
    retryCount === undefined ||
    execution === undefined ||
    keep === undefined ||
    inline === undefined ||
    startedAt === undefined
  ) {
    const hint = `this function runs jobs of bunsui and is called by a pipeline; to try the handler alone, call its run() in a test`;
    throw jobError(jobErrors.inputInvalid, `the call is not one of a pipeline: ${wrong.join('; ')}; ${hint}`);
  }
  const input = fields(event)['input'];
  const attempt = retryCount + 1 + restartsOf(clientContext);
  return {
    job,
    operation,
    attempt,
    execution,
    input,
    keep,
    inline: Math.max(0, inline),
    block: given ?? sessionOfExecution(execution, startedAt),
    startedAtMs: Date.parse(startedAt),
    ...(gates === undefined ? {} : { gates }),
    ...(secrets === undefined ? {} : { secrets }),
    undoable: sent['undoable'] === true,
    ...(compensates === undefined ? {} : { compensates }),
  };
}
