/** Reading the larger fields of the Step Functions API: configurations of a machine, and what TestState is asked. */
import type { TestStateRequest } from '../engine/test-state-request.ts';
import { AwsFault } from './aws-fault.ts';
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
export function checkConfigurations(input: JsonInput): void {
  optionalBoolean(optionalObject(input, 'tracingConfiguration') ?? {}, 'enabled');
  const logging = optionalObject(input, 'loggingConfiguration') ?? {};
  optionalBoolean(logging, 'includeExecutionData');
  const level = optionalWord(logging, 'level', ['ALL', 'ERROR', 'FATAL', 'OFF']) ?? 'OFF';
  const destinations: unknown = logging['destinations'] ?? [];
  if (!Array.isArray(destinations)) throw new AwsFault('ValidationException', 'destinations must be a list');
  for (const destination of destinations as readonly unknown[]) {
    const group = optionalObject({ destination }, 'destination') ?? {};
    optionalString(optionalObject(group, 'cloudWatchLogsLogGroup') ?? {}, 'logGroupArn');
  }
  if (level === 'OFF' || destinations.length === 1) return;
  const message = 'Invalid Logging Configuration: Must specify exactly one Log Destination.';
  throw new AwsFault('InvalidLoggingConfiguration', message);
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
