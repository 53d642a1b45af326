/** `npm run localstack:start`: installs LocalStack when it must, starts it, and leaves it running. */
import { install } from './install.ts';
import { SetupError } from './programs.ts';
import { clientEnvironment, endOrphans, findRun, freePort, startRun } from './server.ts';
import { stayingRun } from './stop.ts';

/** Where clients expect LocalStack. */
const usualPort = 4566;

try {
  await endOrphans();
  const running = await findRun(stayingRun);
  if (running === undefined) await install(process.env, (line) => console.error(line));
  const run = running ?? (await startRun({ name: stayingRun, port: await freePort(usualPort), tied: false }));
  console.error(
    `LocalStack ${running === undefined ? 'runs' : 'ran already'} at ${run.endpoint}; its log is ${run.log}`,
  );
  console.error('for the AWS CLI, CDK and bunsui:');
  for (const [name, value] of Object.entries(clientEnvironment(run))) console.log(`export ${name}=${value}`);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
