/**
 * A session that has ended, as its records tell it: for those whose history Step Functions does not keep any more, which
 * is 90 days.
 */
import type { SourcePosition } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import { placedNodes } from '../ir/walk.ts';
import type { AttemptItem, SessionItem } from './items.ts';
import type { AttemptView, FailureView, JobView, SessionView } from './view.ts';
import { recordedValue } from './recorded-value.ts';

const unknown: SourcePosition = { file: '', line: 0, column: 0 };
const json = (text: string) => recordedValue(text) as Json;
const moment = (name: 'startedAt' | 'endedAt', iso: string | undefined) =>
  iso === undefined ? {} : { [name]: Date.parse(iso) };

function failureOf({ error_code: name, error_message: cause = '' }: Pick<AttemptItem, 'error_code' | 'error_message'>) {
  const error: FailureView | undefined = name === undefined ? undefined : { name, cause };
  return error === undefined ? {} : { error };
}

function attemptView(item: AttemptItem): AttemptView {
  return {
    number: item.attempt,
    startedAt: Date.parse(item.started_at),
    ...moment('endedAt', item.completed_at),
    status: item.job_status,
    ...failureOf(item),
    eventId: item.event_id,
  };
}

function jobView(job: string, items: readonly AttemptItem[], sources: ReadonlyMap<string, SourcePosition>): JobView {
  const [first] = items;
  const last = items.at(-1);
  const node = job.split('/').at(-1) ?? job;
  return {
    job,
    kind: 'job',
    node,
    ...(first === undefined ? {} : { operation: first.operation_id }),
    status: last?.job_status ?? 'skipped',
    attempts: items.map(attemptView),
    ...(first?.input === undefined ? {} : { input: json(first.input) }),
    ...(last?.output === undefined ? {} : { output: json(last.output) }),
    ...(last === undefined ? {} : failureOf(last)),
    ...moment('startedAt', first?.started_at),
    ...moment('endedAt', last?.completed_at),
    source: sources.get(node) ?? unknown,
  };
}

/** @param attempts of all generations: those of the last one count. */
export function recordedView(
  artifact: PipelineArtifact,
  item: SessionItem,
  attempts: readonly AttemptItem[],
): SessionView {
  const own = attempts.filter(({ generation }) => generation === item.generation);
  const byJob = Map.groupBy(
    own.toSorted((a, b) => a.attempt - b.attempt),
    ({ job_id: job }) => job,
  );
  const nodes = placedNodes(artifact.pipeline.body).map(({ node }) => node);
  const sources = new Map(nodes.map(({ id, source }) => [id, source]));
  const jobs = [...byJob].map(([job, items]) => jobView(job, items, sources));
  const order = new Map(nodes.map(({ id }, index) => [id, index]));
  const place = ({ node }: JobView) => order.get(node) ?? nodes.length;
  return {
    status: item.status,
    ...moment('startedAt', item.started_at),
    ...moment('endedAt', item.completed_at),
    input: json(item.input),
    ...(item.output === undefined ? {} : { output: json(item.output) }),
    ...failureOf(item),
    jobs: jobs.toSorted((a, b) => place(a) - place(b) || (a.job < b.job ? -1 : 1)),
  };
}
