/** The plan of a rerun as a page for a person: what becomes of each job, why, and what it will take. */
import type { RerunPlan } from '../sessions/plan-rerun.ts';
import type { JobEstimate } from '../sessions/rerun-cost.ts';
import { duration } from './durations.ts';
import { harmlessLine } from './harmless.ts';
import { table } from './table.ts';
import type { Output, Paint } from './terminal.ts';

const roads = { redrive: 'by redrive', 'new-execution': 'by a new execution' } as const;

/** Which way a rerun takes, and why. */
export function roadText({ road, reason }: Pick<RerunPlan, 'road' | 'reason'>): string {
  return `${roads[road]}: ${harmlessLine(reason)}`;
}

const usdText = (usd: number) => `${usd.toFixed(6)} USD`;

function actionText({ action, unless_same_input, reused_iterations }: JobEstimate): string {
  if (unless_same_input) return 'run if changed';
  return reused_iterations === undefined ? action : `${action}, reuse ${reused_iterations}`;
}

/** The lines of a plan, or of what was done by it. */
export function planLines(plan: RerunPlan, output: Output): readonly string[] {
  const { palette } = output;
  const paints: { readonly [action in JobEstimate['action']]: Paint } = {
    reuse: palette.dim,
    run: palette.bold,
    skip: palette.dim,
    blocked: palette.red,
  };
  const cells = plan.jobs.map((job) => [
    job.job,
    actionText(job),
    job.expected_ms === undefined ? '' : duration(job.expected_ms),
    job.cost_usd === 0 ? '' : usdText(job.cost_usd),
    harmlessLine(job.reason),
  ]);
  const paint = (cell: string, row: number) => paints[plan.jobs[row]?.action ?? 'run'](cell);
  const columns = [
    { title: 'JOB', atLeast: 12 },
    { title: 'PLAN', atLeast: 14, paint },
    { title: 'EXPECTED', align: 'right' },
    { title: 'COST', align: 'right' },
    { title: 'WHY', atLeast: 12 },
  ] as const;
  const available = output.live ? output.size().columns - 1 : Number.POSITIVE_INFINITY;
  const { session_id: session, pipeline_id: pipeline, version, expected_ms: ms } = plan;
  const expected = ms === 0 ? '' : `${duration(ms)} and `;
  return [
    `session ${session} of ${pipeline} ${version}, ${roadText(plan)}`,
    '',
    ...table(columns, cells, available, palette.dim),
    '',
    palette.dim(`expected: ${expected}${usdText(plan.cost_usd)}, by what its jobs took before and AWS's list prices`),
  ];
}
