/** What a report is rendered from. The time of rendering is `session.updated_at`: rendering reads no clock. */
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { SessionItem } from './items.ts';
import type { SessionView } from './view.ts';

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL';

/** One line of a session's log, as it stands in the log objects. Every other field is the author's own. */
export interface LogLine {
  /** ISO 8601. */
  readonly timestamp: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly session_id: string;
  readonly job_id: string;
  readonly operation_id: string;
  /** From 1. */
  readonly attempt: number;
  readonly [field: string]: Json;
}

/** The lines of one job, all attempts, oldest first. `truncated`: there were more than are kept here. */
export interface JobLog {
  readonly lines: readonly LogLine[];
  readonly truncated: boolean;
}

export interface ReportData {
  readonly artifact: PipelineArtifact;
  readonly view: SessionView;
  readonly session: SessionItem;
  /** By job path. Jobs that wrote nothing are absent. */
  readonly logs: { readonly [jobPath: string]: JobLog };
}
