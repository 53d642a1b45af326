/** Reading the larger fields of the Step Functions API: configurations of a machine, and what TestState is asked. */
import type { TestStateRequest } from '../engine/test-state-request.ts';
import { AwsFault } from './aws-fault.ts';
import type { LoggingConfiguration, Machine } from './machines.ts';
import {
  type JsonInput,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  optionalWord,
  refuseOthers,
  requiredString,
} from './json-input.ts';

/**
 * Checks how a machine is to log and to be traced. Whatever is to be logged has one place to go.
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_LoggingConfiguration.html
 */
export function readConfigurations(input: JsonInput): Pick<Machine, 'loggingConfiguration' | 'tracingConfiguration'> {
  optionalBoolean(optionalObject(input, 'tracingConfiguration') ?? {}, 'enabled');
  const given = optionalObject(input, 'loggingConfiguration');
  const logging = given ?? {};
  optionalBoolean(logging, 'includeExecutionData');
  const level = optionalWord(logging, 'level', ['ALL', 'ERROR', 'FATAL', 'OFF']) ?? 'OFF';
  const destinations: unknown = logging['destinations'] ?? [];
  if (!Array.isArray(destinations)) throw new AwsFault('ValidationException', 'destinations must be a list');
  const arns = (destinations as readonly unknown[]).map((destination) => {
    const group = optionalObject({ destination }, 'destination') ?? {};
    return optionalString(optionalObject(group, 'cloudWatchLogsLogGroup') ?? {}, 'logGroupArn');
  });
  const refuse = (why: string) => new AwsFault('InvalidLoggingConfiguration', `Invalid Logging Configuration: ${why}`);
  if (level !== 'OFF' && arns.length !== 1) throw refuse('Must specify exactly one Log Destination.');
  if (level !== 'OFF' && !/^arn:[^:]+:logs:[^:]*:\d{12}:log-group:[\w./#-]+(:\*)?$/.test(arns[0] ?? ''))
    throw refuse(`Invalid log group ARN: ${arns[0]}`);
  const { tracingConfiguration } = input;
  return {
    ...(given !== undefined && { loggingConfiguration: given as LoggingConfiguration }),
    ...(tracingConfiguration !== undefined && { tracingConfiguration }),
  };
}

/** Without what is not there. */
function given<T extends object>(fields: T): { readonly [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

const testFields = ['stateName', 'roleArn', 'input', 'variables', 'context'] as const;
const others = ['definition', 'inspectionLevel', 'revealSecrets', 'mock', 'stateConfiguration'];

/** Reads a request of TestState. */
export function readTest(input: JsonInput): TestStateRequest {
  refuseOthers(input, [...testFields, ...others]);
  const texts = Object.fromEntries(testFields.map((name) => [name, optionalString(input, name)]));
  const mock = optionalObject(input, 'mock');
  const errorOutput = mock && optionalObject(mock, 'errorOutput');
  const state = optionalObject(input, 'stateConfiguration');
  return given({
    definition: requiredString(input, 'definition'),
    ...texts,
    inspectionLevel: optionalWord(input, 'inspectionLevel', ['INFO', 'DEBUG', 'TRACE']),
    revealSecrets: optionalBoolean(input, 'revealSecrets'),
    mock:
      mock &&
      given({
        result: optionalString(mock, 'result'),
        errorOutput:
          errorOutput &&
          given({ error: optionalString(errorOutput, 'error'), cause: optionalString(errorOutput, 'cause') }),
        fieldValidationMode: optionalWord(mock, 'fieldValidationMode', ['STRICT', 'PRESENT', 'NONE']),
      }),
    stateConfiguration:
      state &&
      given({
        retrierRetryCount: optionalNumber(state, 'retrierRetryCount'),
        errorCausedByState: optionalString(state, 'errorCausedByState'),
        mapIterationFailureCount: optionalNumber(state, 'mapIterationFailureCount'),
        mapItemReaderData: optionalString(state, 'mapItemReaderData'),
      }),
  });
}
