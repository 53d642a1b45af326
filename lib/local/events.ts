/** Events as EventBridge would deliver them: of S3 objects, and those that somebody puts on the default bus. */
import { randomUUID } from 'node:crypto';
import type { Json } from '../ir/expressions.ts';
import { type AwsAnswer, AwsFault, jsonAnswer } from './aws-fault.ts';
import type { JsonObject } from './event-patterns.ts';
import type { Service } from './http.ts';
import { type JsonInput, optionalString, readJson, refuseOthers, requiredString } from './json-input.ts';
import type { ObjectStore } from './object-store.ts';
import type { RuntimeLog } from './runtime-log.ts';

interface Place {
  readonly region: string;
  readonly accountId: string;
}

const protocol = 'json-1.1';
/** EventBridge takes ten entries a call. */
const maxEntries = 10;

function eventOf(
  { region, accountId }: Place,
  event: {
    readonly source: string;
    readonly type: string;
    readonly detail: JsonObject;
    readonly resources: readonly string[];
  },
): JsonObject {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': event.type,
    source: event.source,
    account: accountId,
    time: `${new Date().toISOString().slice(0, 19)}Z`,
    region,
    resources: event.resources,
    detail: event.detail,
  };
}

/**
 * The store, telling of each object that is put as S3 does.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function tellingStore(store: ObjectStore, place: Place, hear: (event: JsonObject) => void): ObjectStore {
  let sequence = 0;
  return {
    ...store,
    async put(bucket, key, ...rest) {
      const info = await store.put(bucket, key, ...rest);
      sequence += 1;
      const detail = {
        version: '0',
        bucket: { name: bucket },
        object: {
          key,
          size: info.size,
          etag: info.md5,
          sequencer:
            `${Date.now().toString(16).padStart(12, '0')}${sequence.toString(16).padStart(6, '0')}`.toUpperCase(),
        },
        'request-id': randomUUID(),
        requester: place.accountId,
        reason: 'PutObject',
      };
      hear(eventOf(place, { source: 'aws.s3', type: 'Object Created', detail, resources: [`arn:aws:s3:::${bucket}`] }));
      return info;
    },
  };
}

/** EventBridge, as far as putting events goes. */
export function eventsService(place: Place, hear: (event: JsonObject) => void, log: RuntimeLog): Service {
  return {
    protocol,
    async handle({ headers, body }): Promise<AwsAnswer> {
      const target = headers['x-amz-target'] ?? '';
      if (target !== 'AWSEvents.PutEvents') {
        log('warn', `unsupported EventBridge call: ${target}`);
        throw new AwsFault('UnknownOperationException', `the operation ${target} is not served here`);
      }
      const input = readJson(body);
      refuseOthers(input, ['Entries']);
      const { Entries: entries } = input;
      if (!Array.isArray(entries) || entries.length < 1 || entries.length > maxEntries) {
        throw new AwsFault('ValidationException', `Entries must hold 1 to ${maxEntries} entries`);
      }
      const events = entries.map((entry: JsonInput) => readEntry(place, entry));
      for (const event of events) hear(event);
      return jsonAnswer(protocol, { FailedEntryCount: 0, Entries: events.map(({ id }) => ({ EventId: id })) });
    },
  };
}

function readEntry(place: Place, entry: JsonInput): JsonObject {
  refuseOthers(entry, ['Source', 'DetailType', 'Detail', 'Resources', 'Time', 'EventBusName', 'TraceHeader']);
  const bus = optionalString(entry, 'EventBusName') ?? 'default';
  if (bus !== 'default')
    throw new AwsFault('ResourceNotFoundException', `Event bus ${bus.slice(0, 100)} does not exist.`);
  const source = requiredString(entry, 'Source');
  if (source.startsWith('aws.'))
    throw new AwsFault('NotAuthorizedForSourceException', 'Not authorized for the source.');
  let detail: Json;
  try {
    detail = JSON.parse(requiredString(entry, 'Detail')) as Json;
  } catch {
    detail = null;
  }
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) {
    throw new AwsFault('MalformedDetail', 'Detail is malformed.');
  }
  const resources = Array.isArray(entry['Resources']) ? entry['Resources'].map(String) : [];
  return eventOf(place, { source, type: requiredString(entry, 'DetailType'), detail: detail as JsonObject, resources });
}
