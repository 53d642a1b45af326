/** Channels of kinds that plugins add: what their settings become is a message as data, which is delivered without the plugin. */
import type { ChannelKind, NoticeTexts } from '../dsl/plugins.ts';
import { BunsuiError } from '../errors.ts';
import { channelKinds } from '../notify/channels.ts';
import { noticeNames } from '../notify/post.ts';
import { loadPlugins } from './plugins.ts';
import type { ProjectFile } from './project-file.ts';

type Fields = { readonly [name: string]: unknown };

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const texts = Object.fromEntries(noticeNames.map((name) => [name, `{{${name}}}`])) as {
  readonly [name in keyof NoticeTexts]: string;
};

/** The kinds of channels that a project names and that bunsui does not have itself. */
function foreignKinds({ fields }: ProjectFile): readonly string[] {
  const stages = isFields(fields['stages']) ? Object.values(fields['stages']) : [];
  const places = [fields, ...stages].flatMap((place) =>
    isFields(place) && isFields(place['channels']) ? [place['channels']] : [],
  );
  const kinds = places.flatMap((place) => Object.values(place)).map((channel) => isFields(channel) && channel['kind']);
  return kinds.filter((kind): kind is string => typeof kind === 'string' && !channelKinds.includes(kind));
}

/** @throws {BunsuiError} BS2004 for settings that a kind does not take, BS2007 for plugins that cannot be used. */
export async function withPluginChannels(project: ProjectFile, say: (text: string) => void): Promise<ProjectFile> {
  if (foreignKinds(project).length === 0) return project;
  const kinds = new Map(
    (await loadPlugins(project, say)).flatMap(({ channels }) => channels.map((one) => [one.kind, one])),
  );
  const lowerAll = (channels: unknown) => {
    if (!isFields(channels)) return channels;
    return Object.fromEntries(
      Object.entries(channels).map(([name, channel]) => [name, lowered(project, kinds, name, channel)]),
    );
  };
  const within = (place: Fields) => ({
    ...place,
    ...(place['channels'] === undefined ? {} : { channels: lowerAll(place['channels']) }),
  });
  const { stages } = project.fields;
  const own = within(project.fields);
  const fields = isFields(stages)
    ? {
        ...own,
        stages: Object.fromEntries(
          Object.entries(stages).map(([name, stage]) => [name, isFields(stage) ? within(stage) : stage]),
        ),
      }
    : own;
  return { ...project, fields };
}

function lowered(
  { path }: ProjectFile,
  kinds: ReadonlyMap<string, ChannelKind>,
  name: string,
  channel: unknown,
): unknown {
  const kind = isFields(channel) ? kinds.get(String(channel['kind'])) : undefined;
  if (!isFields(channel) || kind === undefined) return channel;
  const { kind: _, events, attempts, allowPrivate, ...settings } = channel;
  const common = Object.fromEntries(
    Object.entries({ events, attempts, allowPrivate }).filter(([, value]) => value !== undefined),
  );
  const checked = kind.settings['~standard'].validate(settings);
  if (checked instanceof Promise)
    throw new TypeError(`the settings of channels of kind "${kind.kind}" are checked asynchronously`);
  if (checked.issues !== undefined) {
    const mistakes = checked.issues.map(({ message, path: at = [] }) => {
      const within = at.map((step) => String(typeof step === 'object' ? step.key : step));
      return `${['channels', name, ...within].join('.')}: ${message}`;
    });
    throw new BunsuiError('ConfigError', 'BS2004', `in ${path}: ${mistakes.join('; ')}`, {
      hint: `see what a channel of kind "${kind.kind}" takes: bunsui plugin show ${kind.kind}`,
    });
  }
  return { ...kind.lower(checked.value as never, texts), kind: 'post', writtenAs: kind.kind, ...common };
}
