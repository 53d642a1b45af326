/** The check of what starts a pipeline by itself, and of who is told: schedules, triggers, overlap, notices. */
import type { Diagnostic, ErrorCode, SourcePosition } from '../errors.ts';
import { logicalProblem } from '../schedules/logical.ts';
import { timingProblem } from '../schedules/schedule.ts';
import type { Expression, Json } from './expressions.ts';
import { type FiringMark, marksOf, readMark, scheduledInput } from './firing-input.ts';
import { misfits } from './fit.ts';
import { mistake, type Path } from './mistake.ts';
import {
  type FiringInput,
  type JsonSchema,
  type NotifyIr,
  noticeEvents,
  type PipelineIr,
  type ScheduleIr,
  type TriggerIr,
} from './nodes.ts';
import { nearest } from './spelling.ts';

const idPattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const idRule = 'a letter, then letters, digits, "-" or "_", 64 at most';
const policies = ['allow', 'skip', 'queue', 'cancel-running'];
/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const maxPatternCharacters = 2048;

/** Checks schedules, triggers, overlap policy and notices. */
export function checkFirings(pipeline: PipelineIr): readonly Diagnostic[] {
  const { schedules = [], triggers = [], notify = [], overlap } = pipeline;
  return [
    ...checkNames(pipeline, [
      ...schedules.map(({ id, source }) => ({ id, source, code: 'BS1116' as const, what: 'schedule' })),
      ...triggers.map(({ id, source }) => ({ id, source, code: 'BS1117' as const, what: 'trigger' })),
    ]),
    ...schedules.flatMap((schedule) => checkSchedule(pipeline, schedule)),
    ...triggers.flatMap((trigger) => checkTrigger(pipeline, trigger)),
    ...(overlap === undefined || policies.includes(overlap)
      ? []
      : [
          mistake(
            'BS1117',
            `overlap is ${JSON.stringify(overlap)}`,
            [pipeline.id, 'overlap'],
            pipeline.source,
            `give one of ${policies.join(', ')}`,
          ),
        ]),
    ...notify.flatMap((notice, index) => checkNotify(pipeline, notice, index)),
    ...checkDeadline(pipeline),
  ];
}

/** On AWS somebody looks every minute, and what is told has to be read before anything can be done. */
const deadlineLeadSeconds = 120;

/** A deadline is to be told of while something can still be done: before the timeout ends the session. */
function checkDeadline({ id, source, deadlineSeconds, timeoutSeconds }: PipelineIr): readonly Diagnostic[] {
  if (deadlineSeconds === undefined || timeoutSeconds === undefined) return [];
  const left = timeoutSeconds - deadlineSeconds;
  if (left >= deadlineLeadSeconds) return [];
  const found =
    left <= 0
      ? `the deadline is ${deadlineSeconds} seconds, and the timeout ends the session after ${timeoutSeconds}`
      : `the timeout ends the session ${left} seconds after its deadline, which on AWS is told within a minute`;
  const hint =
    left <= 0
      ? 'give a deadline that is shorter than the timeout, or leave one of them out'
      : `leave at least ${deadlineLeadSeconds} seconds between them, so that whoever is told can still do something`;
  const late = mistake('BS1143', found, [id, 'deadline'], source, hint);
  return [left <= 0 ? late : { ...late, severity: 'warning' }];
}

interface Named {
  readonly id: string;
  readonly source: SourcePosition;
  readonly code: ErrorCode;
  readonly what: string;
}

/** Schedules and triggers share their names: a session's record tells by the name alone what started it. */
function checkNames(pipeline: PipelineIr, named: readonly Named[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return named.flatMap(({ id, source, code, what }) => {
    const path = [pipeline.id, id];
    if (!idPattern.test(id)) {
      const message = `the ${what} id ${JSON.stringify(id.slice(0, 80))} is not allowed`;
      return [mistake('BS1101', message, path, source, `an id is ${idRule}`)];
    }
    if (seen.has(id)) {
      const message = `two schedules or triggers are named "${id}"`;
      return [mistake(code, message, path, source, `give one of them another name: { id: '${id}-2', … }`)];
    }
    seen.add(id);
    return [];
  });
}

function checkSchedule(pipeline: PipelineIr, schedule: ScheduleIr): readonly Diagnostic[] {
  const { id, source, start, end, flexibleWindowMinutes: window } = schedule;
  const at = [pipeline.id, id];
  const refuse = (field: string, message: string, hint: string) =>
    mistake('BS1116', `schedule "${id}": ${message}`, [...at, field], source, hint);
  const timing = timingProblem(schedule);
  const isBackwards = start !== undefined && end !== undefined && !(Date.parse(start) < Date.parse(end));
  const isInstant = (text: string) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) && !Number.isNaN(Date.parse(text));
  return [
    ...(timing === undefined ? [] : [refuse('expression', timing.message, timing.hint)]),
    ...(window === undefined || (Number.isInteger(window) && window >= 1 && window <= 1440)
      ? []
      : [refuse('window', `the window is ${window} minutes`, 'give whole minutes from 1 to 1440 (a day)')]),
    ...Object.entries({ start, end }).flatMap(([field, text]) =>
      text === undefined || isInstant(text)
        ? []
        : [refuse(field, `${field} is ${JSON.stringify(text)}`, 'give a moment as in "2026-12-01T00:00:00Z"')],
    ),
    ...(isBackwards ? [refuse('end', `it ends at ${end}, and starts at ${start}`, 'give an end after the start')] : []),
    ...checkInput(pipeline, schedule.input, 'logical', 'BS1116', `schedule "${id}"`, [...at, 'input'], source),
    ...(timing === undefined ? checkPatterns(pipeline, schedule, [...at, 'input']) : []),
  ];
}

function checkTrigger(pipeline: PipelineIr, trigger: TriggerIr): readonly Diagnostic[] {
  const { id, source } = trigger;
  const at = [pipeline.id, id];
  const refuse = (field: string, message: string, hint: string) =>
    mistake('BS1117', `trigger "${id}": ${message}`, [...at, field], source, hint);
  return [
    ...(trigger.kind === 's3' ? checkBucket(trigger, refuse) : []),
    ...(trigger.kind === 'event' ? checkPattern(trigger, refuse) : []),
    ...(trigger.kind === 'pipeline' ? checkPipelineName(pipeline, trigger.pipeline, refuse) : []),
    ...checkInput(pipeline, trigger.input, 'event', 'BS1117', `trigger "${id}"`, [...at, 'input'], source),
  ];
}

type Refuse = (field: string, message: string, hint: string) => Diagnostic;

function checkBucket({ bucket, prefix = '', suffix = '' }: TriggerIr & { readonly kind: 's3' }, refuse: Refuse) {
  const isName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket);
  const isKey = new TextEncoder().encode(prefix + suffix).length <= 1024;
  return [
    ...(isName
      ? []
      : [
          refuse(
            'bucket',
            `the bucket is ${JSON.stringify(bucket.slice(0, 80))}`,
            'a bucket is named by 3 to 63 lower-case letters, digits, "." and "-"',
          ),
        ]),
    ...(isKey ? [] : [refuse('prefix', 'prefix and suffix are longer than a key', 'a key has 1024 bytes at most')]),
  ];
}

/** An event pattern: fields of objects, and lists of what they may be. */
function checkPattern({ pattern, bus }: TriggerIr & { readonly kind: 'event' }, refuse: Refuse): readonly Diagnostic[] {
  const wrong = wrongLeaf(pattern, []);
  const length = JSON.stringify(pattern).length;
  return [
    ...(Object.keys(pattern).length > 0
      ? []
      : [refuse('pattern', 'the pattern is empty and would fit every event', 'name a source: { source: ["aws.s3"] }')]),
    ...(wrong === undefined
      ? []
      : [
          refuse(
            'pattern',
            `${wrong.join('.')} is not a list with something in it`,
            'the value of a field stands in a list, as in { source: ["aws.s3"] }',
          ),
        ]),
    ...(length <= maxPatternCharacters
      ? []
      : [refuse('pattern', `the pattern has ${length} characters`, `${maxPatternCharacters} are taken`)]),
    ...(bus === undefined || /^[A-Za-z0-9._/-]{1,256}$/.test(bus)
      ? []
      : [refuse('bus', `the bus is ${JSON.stringify(bus.slice(0, 80))}`, 'give the name of an event bus')]),
  ];
}

function wrongLeaf(value: { readonly [field: string]: Json }, path: readonly string[]): readonly string[] | undefined {
  for (const [field, inner] of Object.entries(value)) {
    const at = [...path, field];
    if (Array.isArray(inner)) {
      if (inner.length === 0) return at;
      continue;
    }
    if (typeof inner !== 'object' || inner === null) return at;
    const found = wrongLeaf(inner as { readonly [field: string]: Json }, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function checkPipelineName(pipeline: PipelineIr, other: string, refuse: Refuse): readonly Diagnostic[] {
  if (other === pipeline.id) {
    const message = 'the pipeline would start itself for ever';
    return [refuse('pipeline', message, 'name another pipeline, or give this one a schedule')];
  }
  if (idPattern.test(other)) return [];
  return [refuse('pipeline', `${JSON.stringify(other.slice(0, 80))} is no pipeline's id`, `an id is ${idRule}`)];
}

/** An input as an expression: what the event gives is anything, as is a time, whose text is looked at apart. */
function expressionOf(value: Json): Expression {
  const mark = readMark(value);
  if (mark?.kind === 'event') return { kind: 'ref', target: { kind: 'input' }, path: [] };
  if (mark?.kind === 'logical') return { kind: 'call', name: 'text', arguments: [] };
  if (marksOf(value).length === 0) return { kind: 'literal', value };
  if (Array.isArray(value)) return { kind: 'array', items: value.map(expressionOf) };
  const fields = Object.entries(value as { readonly [key: string]: Json });
  return { kind: 'object', fields: Object.fromEntries(fields.map(([key, field]) => [key, expressionOf(field)])) };
}

function checkInput(
  pipeline: PipelineIr,
  input: FiringInput,
  kind: FiringMark['kind'],
  code: ErrorCode,
  what: string,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  const marks = marksOf(input).flatMap(({ mark, path: place }) => {
    const at = [...path, ...place];
    const name = place.join('.');
    if (mark.kind !== kind) {
      const [used, hint] =
        mark.kind === 'event'
          ? ['eventField(…)', 'a schedule knows only its time: use logical(…) or a constant']
          : ['logical(…)', 'an event has no scheduled time: use eventField(…), its "time" say, or a constant'];
      return [mistake(code, `${what}: ${name} uses ${used}`, at, source, hint)];
    }
    const problem = mark.kind === 'logical' ? logicalProblem(mark.format, mark.offset) : eventPathProblem(mark.path);
    return problem === undefined
      ? []
      : [mistake(code, `${what}: ${name}: ${problem.message}`, at, source, problem.hint)];
  });
  // Whatever the event gives fits as far as anybody knows.
  const context = { pipeline: { ...pipeline, input: {} }, nodes: new Map(), known: [] };
  const expression = expressionOf(input);
  return [
    ...marks,
    ...misfits(context, expression, pipeline.input).map((misfit) =>
      mistake(code, `${what}: input: ${misfit.message}`, [...path, ...misfit.path], source, misfit.hint),
    ),
  ];
}

function eventPathProblem(path: string) {
  if (path.length <= 256 && path.split('.').every((name) => name !== '')) return undefined;
  return {
    message: `${JSON.stringify(path.slice(0, 80))} is no path of a field`,
    hint: 'give names with dots between them, as in "detail.object.key"',
  };
}

/** Fields of text with a pattern (dates are) that the scheduled time, as it is written, does not fit. */
function checkPatterns(pipeline: PipelineIr, { id, input, timezone, source }: ScheduleIr, path: Path) {
  const sample = scheduledInput(input, Date.UTC(2026, 10, 21, 6), timezone) as { readonly [field: string]: Json };
  const properties = (pipeline.input['properties'] ?? {}) as { readonly [field: string]: JsonSchema };
  return Object.entries(input).flatMap(([field, value]) => {
    const mark = readMark(value);
    const { pattern } = (Object.hasOwn(properties, field) && properties[field]) || {};
    const text = sample[field];
    if (mark?.kind !== 'logical' || typeof pattern !== 'string' || typeof text !== 'string') return [];
    if (logicalProblem(mark.format, mark.offset) !== undefined || fits(pattern, text)) return [];
    const message = `schedule "${id}": ${field} would be ${JSON.stringify(text)}, which its schema refuses`;
    return [mistake('BS1116', message, [...path, field], source, `the schema wants text like ${pattern}`)];
  });
}

function fits(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return true;
  }
}

function checkNotify(pipeline: PipelineIr, { on, to, source }: NotifyIr, index: number): readonly Diagnostic[] {
  const path = [pipeline.id, 'notify', index];
  const list = noticeEvents.join(', ');
  const refuse = (field: string, message: string, hint: string) =>
    mistake('BS1118', `notify: ${message}`, [...path, field], source, hint);
  return [
    ...(on.length > 0 ? [] : [refuse('on', 'no event is named', `name some of ${list}`)]),
    ...(to.length > 0 ? [] : [refuse('to', 'no channel is named', 'name a channel of the platform')]),
    ...on
      .filter((event) => !noticeEvents.includes(event))
      .map((event) => {
        const near = nearest(event, noticeEvents);
        const hint = near === undefined ? `there are ${list}` : `did you mean "${near}"? There are ${list}`;
        return refuse('on', `there is no event ${JSON.stringify(event)}`, hint);
      }),
    ...to
      .filter((name) => !idPattern.test(name))
      .map((name) => refuse('to', `${JSON.stringify(name.slice(0, 80))} is no channel's name`, `a name is ${idRule}`)),
  ];
}
