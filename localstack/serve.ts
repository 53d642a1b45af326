/**
 * A LocalStack for as long as somebody wants it: starts one on a free port, prints a line of JSON (`Run`), and ends it
 * when its own input ends, which happens however the process dies that holds the other end.
 */
import { install } from './install.ts';
import { SetupError } from './programs.ts';
import { endOrphans, endRun, freePort, startRun } from './server.ts';

const over = new Promise<void>((resolve) => {
  process.stdin
    .resume()
    .once('end', resolve)
    .once('close', resolve)
    .once('error', () => resolve());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
});
const interruption = new AbortController();
void over.then(() => interruption.abort());
try {
  await endOrphans();
  await install(process.env, (line) => console.error(line), interruption.signal);
  const run = await startRun({ name: `tied-${process.pid}`, port: await freePort(), tied: true });
  console.log(JSON.stringify(run));
  await over;
  await endRun(run, { keepLog: false });
} catch (error) {
  if (!(error instanceof SetupError) && !interruption.signal.aborted) throw error;
  console.error(error instanceof SetupError ? error.message : 'the installation was interrupted');
  process.exitCode = 1;
}
process.stdin.destroy();
