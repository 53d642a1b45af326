/** SQS over the queues of the state folder: standard queues, one message at a time, and moves of dead letters. */
import { randomUUID } from 'node:crypto';
import { type AwsAnswer, AwsFault, jsonAnswer } from './aws-fault.ts';
import type { AwsRequest, Service } from './http.ts';
import {
  type JsonInput,
  optionalNumber,
  optionalString,
  readJson,
  refuseOthers,
  requiredString,
} from './json-input.ts';
import {
  md5OfBody,
  type MessageAttributes,
  type Queue,
  type QueueSettings,
  type QueueStore,
  type ReceivedMessage,
} from './queues.ts';
import type { RuntimeLog } from './runtime-log.ts';

const protocol = 'json-1.0';
const maxMessageBytes = 1_048_576;
const maxVisibilitySeconds = 43_200;

interface SqsPlace {
  readonly region: string;
  readonly accountId: string;
}

interface MoveTask {
  readonly handle: string;
  readonly sourceArn: string;
  readonly destinationArn: string;
  readonly moved: number;
  readonly startedMs: number;
}

interface Parts {
  readonly queues: QueueStore;
  readonly place: SqsPlace;
  /** The newest first. */
  readonly moves: MoveTask[];
}

/** The ARN of a queue here. */
export function queueArn(place: SqsPlace, name: string): string {
  return `arn:aws:sqs:${place.region}:${place.accountId}:${name}`;
}

/** The SQS service over a store. */
export function sqsService(queues: QueueStore, place: SqsPlace, log: RuntimeLog): Service {
  const parts: Parts = { queues, place, moves: [] };
  return {
    protocol,
    async handle(request) {
      const target = request.headers['x-amz-target'] ?? '';
      const name = target.replace(/^AmazonSQS\./, '');
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
      if (operation === undefined) {
        log('warn', `unsupported SQS call: ${target}`);
        throw new AwsFault('UnknownOperationException', `the operation ${name} is not served here`);
      }
      return operation(parts, readJson(request.body), request);
    },
  };
}

type Operation = (parts: Parts, input: JsonInput, request: AwsRequest) => Promise<AwsAnswer>;

const operations: Readonly<Record<string, Operation>> = {
  async CreateQueue({ queues, place }, input, request) {
    refuseOthers(input, ['QueueName', 'Attributes']);
    const name = requiredString(input, 'QueueName');
    if (!/^[\w-]{1,80}$/.test(name)) {
      throw new AwsFault('InvalidParameterValue', 'a queue has a name of 1 to 80 letters, digits, - and _');
    }
    const settings = readSettings(queues, place, input['Attributes']);
    const known = queues.find(name);
    if (known !== undefined && JSON.stringify(known.settings) !== JSON.stringify(settings)) {
      throw new AwsFault('QueueNameExists', `the queue ${name} exists with other attributes`);
    }
    await queues.put(name, settings);
    return jsonAnswer(protocol, { QueueUrl: urlOf(request, place, name) });
  },

  async GetQueueUrl({ queues, place }, input, request) {
    refuseOthers(input, ['QueueName']);
    const { name } = existing(queues, requiredString(input, 'QueueName'));
    return jsonAnswer(protocol, { QueueUrl: urlOf(request, place, name) });
  },

  async GetQueueAttributes(parts, input) {
    refuseOthers(input, ['QueueUrl', 'AttributeNames']);
    const all = attributesOf(byUrl(parts, input), parts.place);
    const asked = readNames(input['AttributeNames']);
    const found = Object.entries(all).filter(([name]) => asked.includes('All') || asked.includes(name));
    return jsonAnswer(protocol, { Attributes: Object.fromEntries(found) });
  },

  async ListQueues({ queues, place }, input, request) {
    refuseOthers(input, ['QueueNamePrefix']);
    const prefix = optionalString(input, 'QueueNamePrefix') ?? '';
    const names = queues.list().flatMap(({ name }) => (name.startsWith(prefix) ? [name] : []));
    return jsonAnswer(protocol, { QueueUrls: names.map((name) => urlOf(request, place, name)) });
  },

  async SendMessage(parts, input) {
    refuseOthers(input, ['QueueUrl', 'MessageBody', 'DelaySeconds', 'MessageAttributes']);
    const body = requiredString(input, 'MessageBody');
    if (body === '' || Buffer.byteLength(body) > maxMessageBytes) {
      throw new AwsFault('InvalidParameterValue', `a message has 1 to ${maxMessageBytes} bytes`);
    }
    const delay = inRange(input, 'DelaySeconds', 0, 900) ?? 0;
    const { id } = await byUrl(parts, input).send(body, readMessageAttributes(input['MessageAttributes']), delay);
    return jsonAnswer(protocol, { MessageId: id, MD5OfMessageBody: md5OfBody(body) });
  },

  async ReceiveMessage(parts, input, request) {
    refuseOthers(input, [
      'QueueUrl',
      'MaxNumberOfMessages',
      'VisibilityTimeout',
      'WaitTimeSeconds',
      'MessageAttributeNames',
      'MessageSystemAttributeNames',
    ]);
    const queue = byUrl(parts, input);
    const max = inRange(input, 'MaxNumberOfMessages', 1, 10) ?? 1;
    const visibility = inRange(input, 'VisibilityTimeout', 0, maxVisibilitySeconds);
    const wait = inRange(input, 'WaitTimeSeconds', 0, 20) ?? 0;
    const enough =
      wait === 0 ? AbortSignal.abort() : AbortSignal.any([request.signal, AbortSignal.timeout(wait * 1_000)]);
    const messages = await queue.receive(max, enough, visibility);
    const withAttributes = readNames(input['MessageAttributeNames']).length > 0;
    const withSystem = readNames(input['MessageSystemAttributeNames']).length > 0;
    const shown = messages.map((message) => ({
      MessageId: message.id,
      ReceiptHandle: message.handle,
      Body: message.body,
      MD5OfBody: md5OfBody(message.body),
      ...(withSystem && { Attributes: systemAttributes(message, parts.place) }),
      ...(withAttributes && { MessageAttributes: message.attributes }),
    }));
    return jsonAnswer(protocol, shown.length === 0 ? {} : { Messages: shown });
  },

  async DeleteMessage(parts, input) {
    refuseOthers(input, ['QueueUrl', 'ReceiptHandle']);
    await byUrl(parts, input).delete(requiredString(input, 'ReceiptHandle'));
    return jsonAnswer(protocol, {});
  },

  async ChangeMessageVisibility(parts, input) {
    refuseOthers(input, ['QueueUrl', 'ReceiptHandle', 'VisibilityTimeout']);
    const seconds = inRange(input, 'VisibilityTimeout', 0, maxVisibilitySeconds);
    if (seconds === undefined) throw new AwsFault('MissingParameter', 'VisibilityTimeout is required');
    if (!(await byUrl(parts, input).postpone(requiredString(input, 'ReceiptHandle'), seconds))) {
      throw new AwsFault('ReceiptHandleIsInvalid', 'the receipt handle is none of a message that is held');
    }
    return jsonAnswer(protocol, {});
  },

  async StartMessageMoveTask({ queues, place, moves }, input) {
    refuseOthers(input, ['SourceArn', 'DestinationArn']);
    const sourceArn = requiredString(input, 'SourceArn');
    const destinationArn = optionalString(input, 'DestinationArn');
    const source = byArn(queues, place, sourceArn);
    if (!queues.list().some(({ settings }) => settings.redrive?.deadLetters === source.name)) {
      throw new AwsFault('InvalidParameterValue', `${source.name} holds dead letters of no queue`);
    }
    if (destinationArn === undefined) {
      throw new AwsFault('InvalidParameterValue', 'not served here: a move without DestinationArn');
    }
    const startedMs = Date.now();
    const moved = await source.moveTo(byArn(queues, place, destinationArn));
    const task: MoveTask = { handle: randomUUID(), sourceArn, destinationArn, moved, startedMs };
    moves.unshift(task);
    return jsonAnswer(protocol, { TaskHandle: task.handle });
  },

  async ListMessageMoveTasks({ queues, place, moves }, input) {
    refuseOthers(input, ['SourceArn', 'MaxResults']);
    const sourceArn = requiredString(input, 'SourceArn');
    byArn(queues, place, sourceArn);
    const max = inRange(input, 'MaxResults', 1, 10) ?? 1;
    const found = moves.filter((task) => task.sourceArn === sourceArn).slice(0, max);
    return jsonAnswer(protocol, {
      Results: found.map((task) => ({
        TaskHandle: task.handle,
        Status: 'COMPLETED',
        SourceArn: task.sourceArn,
        DestinationArn: task.destinationArn,
        ApproximateNumberOfMessagesMoved: task.moved,
        ApproximateNumberOfMessagesToMove: task.moved,
        StartedTimestamp: task.startedMs,
      })),
    });
  },
};

function urlOf({ headers }: AwsRequest, { accountId }: SqsPlace, name: string): string {
  return `http://${headers['host']}/${accountId}/${name}`;
}

function existing(queues: QueueStore, name: string): Queue {
  const queue = queues.find(name);
  if (queue === undefined)
    throw new AwsFault('QueueDoesNotExist', `The specified queue does not exist: ${name.slice(0, 100)}`);
  return queue;
}

/** The last part of an address is the queue's name, whatever host it was given under. */
function byUrl({ queues, place }: Parts, input: JsonInput): Queue {
  const url = requiredString(input, 'QueueUrl');
  const [, account, name = ''] = /^https?:\/\/[^/]+\/(\d{12})\/([\w-]{1,80})$/.exec(url) ?? [];
  return existing(queues, account === place.accountId ? name : url);
}

function byArn(queues: QueueStore, place: SqsPlace, arn: string): Queue {
  const name = arn.split(':').at(-1) ?? '';
  if (arn !== queueArn(place, name))
    throw new AwsFault('ResourceNotFoundException', `no such queue: ${arn.slice(0, 200)}`);
  return existing(queues, name);
}

function attributesOf(queue: Queue, place: SqsPlace): Readonly<Record<string, string>> {
  const { visible, inFlight, delayed } = queue.counts();
  const { visibilityTimeoutSeconds, redrive } = queue.settings;
  return {
    QueueArn: queueArn(place, queue.name),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    CreatedTimestamp: String(Math.floor(queue.createdAtMs / 1_000)),
    VisibilityTimeout: String(visibilityTimeoutSeconds),
    ...(redrive !== undefined && {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: queueArn(place, redrive.deadLetters),
        maxReceiveCount: redrive.maxReceives,
      }),
    }),
  };
}

/** What a receiver is told of a message beside its body. */
export function systemAttributes(message: ReceivedMessage, place: SqsPlace): Readonly<Record<string, string>> {
  return {
    SenderId: 'bunsui-local',
    SentTimestamp: String(message.sentAtMs),
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs ?? message.sentAtMs),
    ...(message.source !== undefined && { DeadLetterQueueSourceArn: queueArn(place, message.source) }),
  };
}

function readSettings(queues: QueueStore, place: SqsPlace, value: unknown): QueueSettings {
  const given = asObject(value ?? {}, 'Attributes');
  refuseOthers(given, ['VisibilityTimeout', 'RedrivePolicy']);
  const visibility = Number(optionalString(given, 'VisibilityTimeout') ?? '30');
  if (!Number.isInteger(visibility) || visibility < 0 || visibility > maxVisibilitySeconds) {
    throw new AwsFault('InvalidAttributeValue', `VisibilityTimeout is 0 to ${maxVisibilitySeconds}`);
  }
  const policy = optionalString(given, 'RedrivePolicy');
  if (policy === undefined) return { visibilityTimeoutSeconds: visibility };
  const { deadLetterTargetArn, maxReceiveCount } = asObject(parsed(policy), 'RedrivePolicy');
  const maxReceives = Number(maxReceiveCount);
  if (
    typeof deadLetterTargetArn !== 'string' ||
    !(Number.isInteger(maxReceives) && maxReceives >= 1 && maxReceives <= 1_000)
  ) {
    throw new AwsFault('InvalidAttributeValue', 'RedrivePolicy has deadLetterTargetArn and maxReceiveCount, 1 to 1000');
  }
  const deadLetters = byArn(queues, place, deadLetterTargetArn).name;
  return { visibilityTimeoutSeconds: visibility, redrive: { deadLetters, maxReceives } };
}

function readMessageAttributes(value: unknown): MessageAttributes {
  const entries = Object.entries(asObject(value ?? {}, 'MessageAttributes')).map(([name, given]) => {
    const attribute = asObject(given, name);
    refuseOthers(attribute, ['DataType', 'StringValue']);
    const text = {
      DataType: requiredString(attribute, 'DataType'),
      StringValue: requiredString(attribute, 'StringValue'),
    };
    return [name, text] as const;
  });
  if (entries.length > 10) throw new AwsFault('InvalidParameterValue', 'a message has at most 10 attributes');
  return Object.fromEntries(entries);
}

function asObject(value: unknown, name: string): JsonInput {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonInput;
  throw new AwsFault('InvalidParameterValue', `${name} must be an object`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readNames(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];
}

function inRange(input: JsonInput, name: string, from: number, to: number): number | undefined {
  const value = optionalNumber(input, name);
  if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) return value;
  throw new AwsFault('InvalidParameterValue', `${name} is ${value}, allowed is ${from} to ${to}`);
}
