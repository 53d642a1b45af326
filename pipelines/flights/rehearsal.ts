/**
 * Rehearsal: lets a job fail on demand, to see what a failure, a retry and a report look like.
 *
 *     -p fail=enrich     fails on every attempt: the retries are used up, then the run fails
 *     -p flaky=enrich    fails on its first attempt only: the first retry saves the run
 */

/** Jobs that can be told to fail. */
export const rehearsalJobs = [
  'none',
  'flights',
  'airports',
  'weather',
  'validate',
  'normals',
  'quarantine',
  'by-hour',
  'by-weather',
  'enrich',
  'hubs',
  'profile',
  'publish',
] as const;

/** What a job fails with when it was asked to. */
export class RehearsedFailure extends Error {
  override readonly name = 'RehearsedFailure';
}

/**
 * Fails if this job was asked to fail.
 * @throws {RehearsedFailure} on every attempt of the job that `fail` names, on the first one of the job `flaky` names
 */
export function rehearse(
  asked: { readonly fail: string; readonly flaky: string },
  { job, attempt }: { readonly job: string; readonly attempt: number },
): void {
  // Inside a map the job is a path, `by-hub[3]/profile`: its last part is the name that the pipeline gives it.
  const name = job.split('/').at(-1);
  if (asked.fail === name) throw new RehearsedFailure(`${job} was asked to fail (fail=${name}), attempt ${attempt}`);
  if (asked.flaky === name && attempt === 1) {
    throw new RehearsedFailure(`${job} was asked to fail once (flaky=${name}); the next attempt will succeed`);
  }
}
