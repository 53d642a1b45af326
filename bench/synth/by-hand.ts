/** The same machine as somebody writes it with aws-stepfunctions, with the same functions, bundled in the same way. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, AssetHashType, DockerImage, Duration, Stack } from 'aws-cdk-lib';
import { Architecture, Code, type IFunction, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  DefinitionBody,
  JitterType,
  LogLevel,
  Parallel,
  QueryLanguage,
  StateMachine,
  TaskInput,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { buildSync } from 'esbuild';

const handlers = fileURLToPath(new URL('../../test/constructs/thousand/handlers', import.meta.url));
const bunsui = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));
const app = new App();
const stack = new Stack(app, 'Thousand');

function bundled(file: string): { readonly [name: string]: string } {
  const { outputFiles } = buildSync({
    entryPoints: [{ in: join(handlers, file), out: 'index' }],
    bundle: true,
    platform: 'node',
    format: 'esm',
    splitting: true,
    outExtension: { '.js': '.mjs' },
    target: 'node22',
    mainFields: ['module', 'main'],
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'linked',
    sourcesContent: false,
    outdir: handlers,
    write: false,
    alias: { bunsui },
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [path.slice(handlers.length + 1), text]));
}

function newFunction(id: string, file: string): LambdaFunction {
  return new LambdaFunction(stack, id, {
    code: Code.fromAsset(handlers, {
      assetHashType: AssetHashType.OUTPUT,
      bundling: {
        image: DockerImage.fromRegistry('none'),
        environment: { id },
        local: {
          tryBundle(folder) {
            for (const [name, text] of Object.entries(bundled(file))) writeFileSync(join(folder, name), text);
            return true;
          },
        },
      },
    }),
    handler: 'index.handler',
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    timeout: Duration.minutes(1),
    memorySize: 512,
    logGroup: new LogGroup(stack, `${id}-logs`, { retention: RetentionDays.ONE_MONTH }),
  });
}

const steps = Array.from({ length: 9 }, (_, index) => newFunction(`step-${index}`, 'step.ts'));
const joining = newFunction('join', 'join.ts');

function task(id: string, lambdaFunction: LambdaFunction, input: object): LambdaInvoke {
  const made = LambdaInvoke.jsonata(stack, id, {
    lambdaFunction: lambdaFunction.currentVersion as IFunction,
    retryOnServiceExceptions: false,
    payload: TaskInput.fromObject({
      bunsui: `{% {"job": "${id}", "attempt": $states.context.State.RetryCount, "redrive": $states.context.Execution.RedriveCount, "execution": $states.context.Execution.Id, "startedAt": $states.context.Execution.StartTime, "block": $states.context.Execution.Input.bunsui} %}`,
      input,
    }),
    outputs: '{% {"value": $states.result.Payload.value} %}',
  });
  made.addRetry({
    errors: ['Lambda.ServiceException', 'Lambda.AWSLambdaException', 'Lambda.TooManyRequestsException'],
    interval: Duration.seconds(2),
    maxAttempts: 6,
    backoffRate: 2,
    jitterStrategy: JitterType.FULL,
  });
  return made;
}

function round(number: number, value: string) {
  const fork = Parallel.jsonata(stack, `fork-${number}`, {
    assign: { [`values_${number}`]: '{% $states.result.value %}' },
  });
  for (let column = 0; column < 11; column += 1) {
    for (const [row, step] of steps.entries()) fork.branch(task(`t${number}-${column}-${row}`, step, { value }));
  }
  const joined = task(`join-${number}`, joining, { values: `{% $values_${number} %}` });
  return { fork, joined };
}

const rounds = Array.from({ length: 10 }, (_, number) =>
  round(number, number === 0 ? '{% $states.context.Execution.Input.value %}' : '{% $states.input.value %}'),
);
for (const [number, { fork, joined }] of rounds.entries()) {
  fork.next(joined);
  const next = rounds[number + 1];
  if (next !== undefined) joined.next(next.fork);
}
const [first] = rounds;
if (first === undefined) throw new Error('no rounds');
new StateMachine(stack, 'Machine', {
  definitionBody: DefinitionBody.fromChainable(first.fork),
  queryLanguage: QueryLanguage.JSONATA,
  logs: {
    destination: new LogGroup(stack, 'MachineLogs', { retention: RetentionDays.ONE_MONTH }),
    level: LogLevel.ALL,
    includeExecutionData: true,
  },
  tracingEnabled: true,
});
app.synth();
