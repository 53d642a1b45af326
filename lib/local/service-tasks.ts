/**
 * Tasks that call DynamoDB and Step Functions: the calls that gates need. Arguments and answers are spelt as Step
 * Functions spells them, and the errors have its names.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
 */
import type { ItemCounts } from '../engine/map-run-state.ts';
import type { Json, MapObjects, TaskOutcome, TaskRequest } from '../engine/ports.ts';
import { AwsFault } from './aws-fault.ts';
import { type TaskTokens, taskOutput } from './task-tokens.ts';

/** One call of the DynamoDB service of this runtime. @throws {AwsFault} */
export type CallDynamodb = (operation: string, input: Json) => Promise<Json>;

type Fields = { readonly [name: string]: Json };

/** How the SDK integration spells the types of attribute values that are spelt otherwise on the wire. */
const sdkTypes: { readonly [sdk: string]: string } = { Bool: 'BOOL', Null: 'NULL', Ss: 'SS', Ns: 'NS', Bs: 'BS' };
const wireTypes = Object.fromEntries(Object.entries(sdkTypes).map(([sdk, wire]) => [wire, sdk]));

/** Fields that hold attribute values by name. */
const ofAttributes = new Set(['Key', 'Item', 'Attributes', 'ExpressionAttributeValues']);

function spelt(value: Json, types: { readonly [from: string]: string }): Json {
  return mapFields(value, (type, inner) => {
    const to = types[type] ?? type;
    if (type === 'M') return [to, mapFields(inner, (name, attribute) => [name, spelt(attribute, types)])];
    if (type === 'L' && Array.isArray(inner)) return [to, inner.map((item: Json) => spelt(item, types))];
    return [to, inner];
  });
}

function mapFields(value: Json, change: (name: string, inner: Json) => readonly [string, Json]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value as Fields).map(([name, inner]) => change(name, inner)));
}

function respelt(value: Json, types: { readonly [from: string]: string }): Json {
  return mapFields(value, (name, inner) => [
    name,
    ofAttributes.has(name) ? mapFields(inner, (attribute, of) => [attribute, spelt(of, types)]) : inner,
  ]);
}

/** `aws-sdk:dynamodb:updateItem`: names in camel case, answers and errors of the SDK. */
export async function sdkDynamodb(call: CallDynamodb, action: string, given: Json): Promise<TaskOutcome> {
  const operation = action.charAt(0).toUpperCase() + action.slice(1);
  return answered('DynamoDb', async () => respelt(await call(operation, respelt(given, sdkTypes)), wireTypes));
}

/** `dynamodb:updateItem`, the older integration: names as on the wire. */
export async function optimisedDynamodb(call: CallDynamodb, action: string, given: Json): Promise<TaskOutcome> {
  const operation = action.charAt(0).toUpperCase() + action.slice(1);
  return answered('DynamoDB', () => call(operation, given));
}

/** `aws-sdk:s3:putObject` and `getObject`, with the fields that containers' inputs and outputs need. */
export async function sdkS3(objects: MapObjects, action: string, given: Json): Promise<TaskOutcome> {
  return answered('S3', async () => {
    const { Bucket: bucket, Key: key, Body: body, ContentType: type = 'application/json', ...others } = given as Fields;
    const unknown = Object.keys(others);
    if (typeof bucket !== 'string' || typeof key !== 'string' || type !== 'application/json' || unknown.length > 0)
      throw new AwsFault(
        'InvalidRequestException',
        `Bucket, Key, Body and ContentType are served here, not ${unknown.join(', ') || 'other types of them'}`,
      );
    if (action === 'putObject') {
      // As Step Functions does: a structure is written as JSON.
      await objects.write(bucket, key, JSON.stringify(body));
      return {};
    }
    const text = await objects.read(bucket, key);
    if (text === undefined) throw new AwsFault('NoSuchKeyException', `The specified key does not exist: ${key}`, 404);
    return { Body: text, ContentLength: Buffer.byteLength(text) };
  });
}

/** `aws-sdk:sfn:sendTaskSuccess`. */
export async function sdkSendTaskSuccess(tokens: TaskTokens, given: Json): Promise<TaskOutcome> {
  return answered('Sfn', async () => {
    const { TaskToken: token, Output: output } = given as Fields;
    if (typeof token !== 'string' || typeof output !== 'string')
      throw new AwsFault('ValidationException', 'TaskToken and Output must be given as text');
    tokens.end(token, { ok: true, output: taskOutput(output) });
    return {};
  });
}

/** Items of a map run by what has become of them; undefined when the execution has started none of that ARN. */
export type MapRunCounts = (executionArn: string, mapRunArn: string) => Promise<ItemCounts | undefined>;

/** `aws-sdk:sfn:describeMapRun`, as far as it counts items: of a run of the very execution that asks. */
export async function sdkDescribeMapRun(
  countsOf: MapRunCounts,
  { executionArn, arguments: given }: Pick<TaskRequest, 'executionArn' | 'arguments'>,
): Promise<TaskOutcome> {
  return answered('Sfn', async () => {
    const { MapRunArn: arn, ...others } = given as Fields;
    if (typeof arn !== 'string' || Object.keys(others).length > 0)
      throw new AwsFault('ValidationException', 'MapRunArn must be given as text, and nothing else');
    const counts = await countsOf(executionArn, arn);
    if (counts === undefined) throw new AwsFault('ResourceNotFoundException', `Resource not found: '${arn}'`);
    const { total, succeeded, failed, aborted } = counts;
    return {
      MapRunArn: arn,
      ItemCounts: { Total: total, Succeeded: succeeded, Failed: failed, Aborted: aborted, TimedOut: 0 },
    };
  });
}

async function answered(service: string, call: () => Promise<Json>): Promise<TaskOutcome> {
  try {
    return { ok: true, output: await call() };
  } catch (error) {
    if (!(error instanceof AwsFault)) throw error;
    // On the wire DynamoDB puts a namespace before the name.
    const code = error.code.split('#').at(-1) ?? '';
    const name = code.endsWith('Exception') ? code : `${code}Exception`;
    return { ok: false, error: `${service}.${name}`, cause: `${error.message} (Status Code: ${error.status})` };
  }
}
