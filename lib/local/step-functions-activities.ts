/** The API of activities and of tasks that end by a token. */
import { AwsFault } from './aws-fault.ts';
import { optionalString, refuseOthers, requiredString } from './json-input.ts';
import { type Operation, pageOf, readName } from './step-functions-requests.ts';
import { seconds } from './step-functions-shapes.ts';
import { taskOutput } from './task-tokens.ts';

/** A worker that asks for a task waits this long at most. */
const longPollMs = 60_000;

function noActivity(arn: string): AwsFault {
  return /^arn:aws:states:[\w-]+:\d{12}:activity:[^:]+$/.test(arn)
    ? new AwsFault('ActivityDoesNotExist', `Activity Does Not Exist: '${arn}'`)
    : new AwsFault('InvalidArn', `Invalid Arn: 'Invalid ARN: ${arn}'`);
}

export const activityOperations: Readonly<Record<string, Operation>> = {
  async CreateActivity({ activities, place }, input) {
    refuseOthers(input, ['name', 'tags']);
    const name = readName(input, 'name');
    const arn = `arn:aws:states:${place.region}:${place.accountId}:activity:${name}`;
    const known = activities.find(arn);
    if (known !== undefined) return { activityArn: arn, creationDate: seconds(known.createdAtMs) };
    const made = { arn, name, createdAtMs: Date.now() };
    await activities.save(made);
    const { createdAtMs } = activities.find(arn) ?? made;
    return { activityArn: arn, creationDate: seconds(createdAtMs) };
  },

  async DescribeActivity({ activities }, input) {
    refuseOthers(input, ['activityArn']);
    const arn = requiredString(input, 'activityArn');
    const activity = activities.find(arn);
    if (activity === undefined) throw noActivity(arn);
    return { activityArn: arn, name: activity.name, creationDate: seconds(activity.createdAtMs) };
  },

  async ListActivities({ activities }, input) {
    refuseOthers(input, ['maxResults', 'nextToken']);
    const all = activities
      .list()
      .map(({ arn, name, createdAtMs }) => ({ activityArn: arn, name, creationDate: seconds(createdAtMs) }));
    const page = pageOf(all, input, 'activities');
    return { activities: page.items, ...page.next };
  },

  async DeleteActivity({ activities }, input) {
    refuseOthers(input, ['activityArn']);
    const arn = requiredString(input, 'activityArn');
    if (noActivity(arn).code === 'InvalidArn') throw noActivity(arn);
    await activities.remove(arn);
    return {};
  },

  async GetActivityTask({ activities }, input, signal) {
    refuseOthers(input, ['activityArn', 'workerName']);
    const arn = requiredString(input, 'activityArn');
    if (activities.find(arn) === undefined) throw noActivity(arn);
    // A worker that has gone takes none.
    const waits = AbortSignal.any([signal, AbortSignal.timeout(longPollMs)]);
    const task = await activities.take(arn, optionalString(input, 'workerName'), waits);
    return task === undefined ? {} : { taskToken: task.token, input: JSON.stringify(task.input) };
  },

  async SendTaskSuccess({ tokens }, input) {
    refuseOthers(input, ['taskToken', 'output']);
    const token = requiredString(input, 'taskToken');
    tokens.end(token, { ok: true, output: taskOutput(requiredString(input, 'output')) });
    return {};
  },

  async SendTaskFailure({ tokens }, input) {
    refuseOthers(input, ['taskToken', 'error', 'cause']);
    const token = requiredString(input, 'taskToken');
    const error = optionalString(input, 'error') ?? '';
    tokens.end(token, { ok: false, error, cause: optionalString(input, 'cause') ?? '' });
    return {};
  },

  async SendTaskHeartbeat({ tokens }, input) {
    refuseOthers(input, ['taskToken']);
    tokens.beat(requiredString(input, 'taskToken'));
    return {};
  },
};
