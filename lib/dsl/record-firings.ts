/** Records what starts a pipeline by itself, and who is told. */
import type { SourcePosition } from '../errors.ts';
import type { FiringInput, PipelineIr } from '../ir/nodes.ts';
import { expressionOf, instantText, listOf, type UntypedFiringOptions } from './firings.ts';
import { type Recording, read, secondsOf } from './recording.ts';

/** What starts the pipeline by itself, and who is told. */
export function recordFirings(
  recording: Recording,
  at: readonly string[],
  options: UntypedFiringOptions,
): Pick<PipelineIr, 'schedules' | 'triggers' | 'overlap' | 'notify' | 'deadlineSeconds'> {
  const { source } = recording;
  const schedules = listOf(options.schedule)?.map((schedule) => {
    const { id = 'schedule', timezone = 'UTC', window, start, end, enabled = true, catchUp = 'none' } = schedule;
    const path = [...at, id];
    return {
      id,
      expression: expressionOf(schedule),
      timezone,
      ...(window === undefined
        ? {}
        : { flexibleWindowMinutes: secondsOf(recording, window, [...path, 'window'], source) / 60 }),
      ...(start === undefined ? {} : { start: instantText(start) }),
      ...(end === undefined ? {} : { end: instantText(end) }),
      enabled,
      input: firingInput(recording, schedule.input, [...path, 'input'], source),
      catchUp,
      source,
    };
  });
  const triggers = options.on?.map(({ id, source: where, spec, input }) => ({
    id,
    ...spec,
    input: firingInput(recording, input, [...at, id, 'input'], where),
    source: where,
  }));
  const notify = listOf(options.notify)?.map(({ on, to }) => ({
    on: listOf(on) ?? [],
    to: listOf(to) ?? [],
    source,
  }));
  return {
    ...(schedules === undefined ? {} : { schedules }),
    ...(triggers === undefined ? {} : { triggers }),
    ...(options.overlap === undefined ? {} : { overlap: options.overlap }),
    ...(notify === undefined ? {} : { notify }),
    ...(options.deadline === undefined
      ? {}
      : { deadlineSeconds: secondsOf(recording, options.deadline, [...at, 'deadline'], source) }),
  };
}

/** The input of a firing: constants and marks; there is no run yet whose refs it could read. */
function firingInput(
  recording: Recording,
  input: unknown,
  path: readonly (string | number)[],
  source: SourcePosition,
): FiringInput {
  const expression = read(recording, input ?? {}, path, source);
  if (expression.kind === 'literal') return expression.value as FiringInput;
  recording.report(
    'BS1105',
    `${path.slice(1).join('.')} holds a ref, which is known only when the pipeline runs`,
    path,
    source,
    'give constants, logical(…) in a schedule, or eventField(…) in a trigger',
  );
  return {};
}
