/** Who is told of what: the pipeline's own rules and what each channel hears of every pipeline. */
import { type NoticeEvent, type NotifyIr, noticeEvents } from '../ir/nodes.ts';

/** What a channel hears of every pipeline when it does not say: what somebody may have to act on. */
export const defaultEvents: readonly NoticeEvent[] = ['failed', 'deadline', 'approval'];

/** Channels by name, as far as it matters to who publishes: how they deliver is `lib/notify/channels.ts`. */
export type ChannelEvents = { readonly [channel: string]: { readonly events?: readonly NoticeEvent[] | undefined } };

/**
 * The channels that hear of an event, in the order of their names; none when nobody is to be told. A rule's channel
 * that the platform does not have is passed over.
 */
export function channelsFor(
  event: NoticeEvent,
  pipelineRules: readonly Pick<NotifyIr, 'on' | 'to'>[],
  channels: ChannelEvents,
): readonly string[] {
  const asked = new Set(pipelineRules.filter(({ on }) => on.includes(event)).flatMap(({ to }) => to));
  return Object.entries(channels)
    .filter(([name, { events = defaultEvents }]) => asked.has(name) || events.includes(event))
    .map(([name]) => name)
    .sort();
}

/** Reads names and events of `BUNSUI_CHANNELS`, which whoever deployed it has checked; no channels when it is not set. */
export function channelEventsFrom(text: string | undefined): ChannelEvents {
  if (text === undefined || text === '') return {};
  const channels = JSON.parse(text) as { readonly [name: string]: { readonly events?: readonly string[] } };
  return Object.fromEntries(
    Object.entries(channels).map(([name, { events }]) => [
      name,
      events === undefined ? {} : { events: noticeEvents.filter((event) => events.includes(event)) },
    ]),
  );
}
