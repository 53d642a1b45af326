/** Notices for tests. */
import type { Notice } from '../../lib/sessions/notice.ts';

export const failedNotice: Notice = {
  noticeVersion: 1,
  delivery_id: '01k9x2m4c8r7t5w3e6y1q9z0ab/1/0/failed',
  event: 'failed',
  at: '2026-11-20T06:03:12.000Z',
  channels: ['ops'],
  session_id: '01k9x2m4c8r7t5w3e6y1q9z0ab',
  created_at: '2026-11-20T06:00:00.000Z',
  pipeline_id: 'daily',
  pipeline_version: '0a1b2c3d4e5f',
  status: 'failed',
  trigger: { kind: 'schedule', detail: 'daily' },
  execution_arn: 'arn:aws:states:eu-west-1:123456789012:execution:bunsui-daily:session-01k9x2m4c8r7t5w3e6y1q9z0ab-1',
  environment: 'prod',
  region: 'eu-west-1',
  duration_ms: 192_000,
  total_jobs: 5,
  completed_jobs: 3,
  failed_jobs: 1,
  job: { job_id: 'load', attempt: 3, source: { file: '/app/pipelines/daily.ts', line: 41, column: 7 } },
  error: { error_code: 'TypeError', error_message: 'row 17 has no key' },
};
