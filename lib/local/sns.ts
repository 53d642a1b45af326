/**
 * SNS, as far as publishing goes: what is published stands in `.bunsui/sns/outbox.jsonl`, one message per line, for a
 * person or a test to read, and goes into the queues of the platform's channels.
 */
import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type AwsAnswer, AwsFault } from './aws-fault.ts';
import { makeFolder, parseStored, storageError, writeFileAtomic, readIfThere } from './durable-files.ts';
import type { Service } from './http.ts';
import type { Notices } from './notices.ts';
import { keyedTurns } from './object-store.ts';
import type { MessageAttributes } from './queues.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { element, xmlDocument, type Xml } from './xml.ts';

const namespace = 'http://sns.amazonaws.com/doc/2010-03-31/';
const maxMessageBytes = 256 * 1024;

/** What of a call is served; whatever else it says would be passed over in silence. */
const servedFields: Readonly<Record<string, RegExp>> = {
  CreateTopic: /^(Action|Version|Name)$/,
  Publish:
    /^(Action|Version|TopicArn|TargetArn|Message|MessageStructure|Subject|MessageAttributes\.entry\.\d+\.(Name|Value\.(DataType|StringValue)))$/,
};

/** The SNS service of a state folder. */
export function snsService(
  stateDir: string,
  place: { readonly region: string; readonly accountId: string },
  notices: Pick<Notices, 'publish'>,
  log: RuntimeLog,
): Service {
  const folder = join(stateDir, 'sns');
  const turns = keyedTurns();
  return {
    protocol: 'query',
    async handle(request) {
      const form = new URLSearchParams(Buffer.from(request.body).toString('utf8'));
      const action = form.get('Action') ?? '';
      const served = Object.hasOwn(servedFields, action) ? servedFields[action] : undefined;
      const others = [...new Set(form.keys())].filter((name) => served !== undefined && !served.test(name));
      if (others.length > 0) {
        log('warn', `unsupported SNS parameter: ${action} ${others.join(', ')}`);
        throw new AwsFault('InvalidParameter', `Invalid parameter: ${others.join(', ')}: not served here`);
      }
      if (action === 'Publish') return turns(folder, () => publish(folder, form, notices, request.id));
      if (action === 'CreateTopic') return turns(folder, () => createTopic(folder, form, place, request.id));
      log('warn', `unsupported SNS call: ${action}`);
      throw new AwsFault('InvalidAction', `The action ${action} is not served here.`);
    },
  };
}

async function createTopic(
  folder: string,
  form: URLSearchParams,
  place: { readonly region: string; readonly accountId: string },
  requestId: string,
): Promise<AwsAnswer> {
  const name = form.get('Name') ?? '';
  if (!/^[\w-]{1,256}$/.test(name)) throw new AwsFault('InvalidParameter', 'Invalid parameter: Topic Name');
  const arn = `arn:aws:sns:${place.region}:${place.accountId}:${name}`;
  const topics = await readTopics(folder);
  if (!topics.includes(arn)) {
    await makeFolder(folder);
    await writeFileAtomic(join(folder, 'topics.json'), JSON.stringify([...topics, arn]));
  }
  return answer('CreateTopic', [element('TopicArn', arn)], requestId);
}

async function publish(
  folder: string,
  form: URLSearchParams,
  notices: Pick<Notices, 'publish'>,
  requestId: string,
): Promise<AwsAnswer> {
  const topic = form.get('TopicArn') ?? form.get('TargetArn') ?? '';
  const given = form.get('Message') ?? '';
  if (given === '') throw new AwsFault('InvalidParameter', 'Invalid parameter: Empty message');
  if (Buffer.byteLength(given) > maxMessageBytes) {
    throw new AwsFault('InvalidParameter', 'Invalid parameter: Message too long');
  }
  if (!(await readTopics(folder)).includes(topic)) throw new AwsFault('NotFound', 'Topic does not exist', 404);
  const message = messageForQueues(given, form.get('MessageStructure'));
  const messageId = randomUUID();
  const subject = form.get('Subject');
  const attributes = attributesOf(form);
  const line = JSON.stringify({
    at: new Date().toISOString(),
    messageId,
    topicArn: topic,
    ...(subject !== null && { subject }),
    message,
    ...(attributes.length > 0 && {
      attributes: Object.fromEntries(attributes.map(([name, { StringValue }]) => [name, StringValue])),
    }),
  });
  const path = join(folder, 'outbox.jsonl');
  try {
    const file = await open(path, 'a', 0o600);
    try {
      await file.appendFile(`${line}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw storageError(path, error);
  }
  await notices.publish(topic, message, Object.fromEntries(attributes));
  return answer('Publish', [element('MessageId', messageId)], requestId);
}

/** With `MessageStructure: json` a message has a text for each protocol, and a default. */
function messageForQueues(given: string, structure: string | null): string {
  if (structure === null) return given;
  const refuse = () =>
    new AwsFault('InvalidParameter', 'Invalid parameter: Message Structure - no JSON with "default"');
  if (structure !== 'json') throw refuse();
  let texts: { readonly [protocol: string]: unknown } | null;
  try {
    texts = JSON.parse(given);
  } catch {
    throw refuse();
  }
  const text = texts?.['sqs'] ?? texts?.['default'];
  if (typeof text !== 'string') throw refuse();
  return text;
}

function attributesOf(form: URLSearchParams): readonly (readonly [string, MessageAttributes[string]])[] {
  return [...form].flatMap(([field, name]) => {
    const entry = /^(MessageAttributes\.entry\.\d+)\.Name$/.exec(field)?.[1];
    if (entry === undefined) return [];
    const value = (part: string) => form.get(`${entry}.Value.${part}`) ?? '';
    return [[name, { DataType: value('DataType'), StringValue: value('StringValue') }] as const];
  });
}

async function readTopics(folder: string): Promise<readonly string[]> {
  const path = join(folder, 'topics.json');
  const text = await readIfThere(path);
  return text === undefined
    ? []
    : (parseStored(path, text, 'move the file away and make the topics again') as string[]);
}

function answer(action: string, content: readonly Xml[], requestId: string): AwsAnswer {
  const root = element(`${action}Response`, [
    element(`${action}Result`, content),
    element('ResponseMetadata', [element('RequestId', requestId)]),
  ]);
  return { status: 200, headers: { 'content-type': 'text/xml' }, body: xmlDocument(root, namespace) };
}
