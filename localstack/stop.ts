/** `npm run localstack:stop`: ends the LocalStack that was started to stay, with every process that it has started. */
import { endRun, findRun } from './server.ts';

/** The name of the run that `start.ts` starts. */
export const stayingRun = 'started';

if (import.meta.main) {
  const run = await findRun(stayingRun);
  if (run !== undefined) await endRun(run, { keepLog: true });
  console.error(run === undefined ? 'LocalStack does not run' : 'LocalStack has ended; its state is gone');
}
