/** Calls a wrapped handler as a compiled state does. */
import type { LocalTables } from '../sessions/local-tables.ts';
import { tableNames } from '../sessions/local-tables.ts';
import { functionPorts, type WrapperPorts } from '../../lib/wrapper/ports.ts';

export const executionArn = 'arn:aws:states:us-east-1:000000000000:execution:flow:session-s1-1';
export const nowMs = Date.parse('2026-03-04T05:06:07.000Z');

/** The event of a job; `over` replaces fields of the reserved key. */
export function callOf(input: unknown, over: { readonly [field: string]: unknown } = {}): unknown {
  return {
    bunsui: {
      job: 'load',
      operation: 'load',
      attempt: 0,
      execution: executionArn,
      startedAt: '2026-03-04T05:06:00.000Z',
      block: { session: 's1', createdAt: '2026-03-04T05:06:00.000Z', generation: 1 },
      ...over,
    },
    input,
  };
}

/** Ports with a standing clock and a log in memory; tables only when given. */
export function portsFor(tables?: LocalTables): WrapperPorts & { readonly lines: string[]; readonly slept: number[] } {
  const lines: string[] = [];
  const slept: number[] = [];
  const environment = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIDTEST',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
    ...(tables === undefined
      ? {}
      : { AWS_ENDPOINT_URL: tables.endpoint, BUNSUI_JOB_HISTORY_TABLE: tableNames.jobHistoryTable }),
  };
  return {
    ...functionPorts(),
    environment,
    now: () => nowMs,
    random: () => 0.5,
    sleep: async (ms) => {
      slept.push(ms);
    },
    writeLine: (line) => {
      lines.push(line);
    },
    lines,
    slept,
  };
}
