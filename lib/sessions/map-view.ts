/** One map's or loop's events, in order of their ids, turned into what is known of it. */
import type { HistoryEvent } from '../asl/history.ts';
import { field, parseJson } from './json-parts.ts';
import { type StateShape, retriesAfter } from './machine-map.ts';
import type { JobStatus } from './status.ts';
import type { FailureView } from './view.ts';

export interface MapFacts {
  readonly status: Extract<JobStatus, 'running' | 'retrying' | 'completed' | 'failed'>;
  /** Items, once the map has looked at its list. */
  readonly total?: number;
  /** Indexes of the iterations that have begun, ascending. */
  readonly begun: readonly number[];
  readonly completed: number;
  readonly failed: number;
  readonly error?: FailureView;
  /** Of a map over S3. */
  readonly run?: { readonly arn: string; readonly redrives: number };
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly lastEventId: number;
}

/** @param events The map's events by ascending id; at least one. */
export function mapFacts(state: StateShape, events: readonly HistoryEvent[]): MapFacts {
  const iterations = new Map<number, 'running' | 'completed' | 'failed'>();
  const failures: string[] = [];
  let status = 'running' as MapFacts['status'];
  let total: number | undefined;
  let error: FailureView | undefined;
  let endedAt: number | undefined;
  let run: MapFacts['run'];
  let counted: Pick<MapFacts, 'completed' | 'failed'> | undefined;

  const fail = (name: string, at: number): void => {
    failures.push(name);
    status = retriesAfter(state, name, failures) ? 'retrying' : 'failed';
    endedAt = status === 'retrying' ? undefined : at;
  };

  for (const event of events) {
    switch (event.type) {
      case 'MapStateEntered':
        status = 'running';
        endedAt = undefined;
        break;
      case 'MapStateStarted':
        status = 'running';
        total = event.mapStateStartedEventDetails.length;
        iterations.clear();
        error = undefined;
        endedAt = undefined;
        break;
      case 'MapRunStarted':
        // Nobody has looked at the records yet.
        total = undefined;
        counted = undefined;
        run = { arn: event.mapRunStartedEventDetails.mapRunArn, redrives: 0 };
        break;
      case 'MapRunRedriven': {
        const { mapRunArn: arn, redriveCount: redrives } = event.mapRunRedrivenEventDetails;
        run = { arn, redrives };
        status = 'running';
        error = undefined;
        endedAt = undefined;
        break;
      }
      case 'MapRunFailed': {
        const { error: name = '', cause = '' } = event.mapRunFailedEventDetails;
        error = { name, cause };
        fail(name, event.timestamp);
        break;
      }
      case 'TaskSucceeded': {
        // What the state says that asks for the totals of a run.
        const counts = field(parseJson(event.taskSucceededEventDetails.output), 'ItemCounts');
        const [all, succeeded] = [field(counts, 'Total'), field(counts, 'Succeeded')];
        if (typeof all !== 'number' || typeof succeeded !== 'number') break;
        total = all;
        counted = { completed: succeeded, failed: all - succeeded };
        break;
      }
      case 'MapIterationStarted':
        iterations.set(event.mapIterationStartedEventDetails.index, 'running');
        break;
      case 'MapIterationSucceeded':
        iterations.set(event.mapIterationSucceededEventDetails.index, 'completed');
        break;
      case 'MapIterationFailed':
        iterations.set(event.mapIterationFailedEventDetails.index, 'failed');
        break;
      case 'MapStateFailed':
        // The history does not say which error brought a map down: that stands at the job that failed.
        fail('States.TaskFailed', event.timestamp);
        break;
      case 'EvaluationFailed': {
        const { error: name = '', cause = '' } = event.evaluationFailedEventDetails;
        error = { name, cause };
        fail(name, event.timestamp);
        break;
      }
      case 'MapStateExited':
        if (status !== 'failed') status = 'completed';
        endedAt = event.timestamp;
        break;
    }
  }
  const outcomes = [...iterations.values()];
  return {
    status,
    ...(total === undefined ? {} : { total }),
    begun: [...iterations.keys()].sort((a, b) => a - b),
    completed: outcomes.filter((outcome) => outcome === 'completed').length,
    failed: outcomes.filter((outcome) => outcome === 'failed').length,
    ...counted,
    ...(run === undefined ? {} : { run }),
    ...(error === undefined ? {} : { error }),
    startedAt: events[0]?.timestamp ?? 0,
    ...(endedAt === undefined ? {} : { endedAt }),
    lastEventId: events.at(-1)?.id ?? 0,
  };
}

/**
 * @param events The loop's events by ascending id, of all of its states; at least one.
 * @param isLeft whether its scope has gone on to another state
 */
export function loopFacts(events: readonly HistoryEvent[], isLeft: boolean): MapFacts {
  let rounds = 0;
  let completed = 0;
  let status: 'running' | 'failed' = 'running';
  let error: FailureView | undefined;
  for (const event of events) {
    switch (event.type) {
      case 'MapStateEntered':
        rounds += 1;
        break;
      case 'MapStateStarted':
      case 'MapIterationStarted':
        // A redrive goes on with the round that failed.
        status = 'running';
        error = undefined;
        break;
      case 'MapIterationSucceeded':
        completed += 1;
        break;
      case 'MapStateFailed':
      case 'FailStateEntered':
        status = 'failed';
        break;
      case 'EvaluationFailed': {
        const { error: name = '', cause = '' } = event.evaluationFailedEventDetails;
        status = 'failed';
        error = { name, cause };
      }
    }
  }
  const last = events.at(-1);
  const isOver = isLeft || status === 'failed';
  return {
    status: status === 'failed' ? 'failed' : isLeft ? 'completed' : 'running',
    total: rounds,
    begun: Array.from({ length: rounds }, (_, index) => index),
    completed,
    failed: status === 'failed' && rounds > completed ? 1 : 0,
    ...(error === undefined ? {} : { error }),
    startedAt: events[0]?.timestamp ?? 0,
    ...(isOver && last !== undefined ? { endedAt: last.timestamp } : {}),
    lastEventId: last?.id ?? 0,
  };
}
