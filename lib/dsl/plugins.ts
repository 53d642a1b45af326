/**
 * Plugins: packages that add kinds of operations and kinds of channels, and the file of a project that lists them. What
 * a plugin's kinds make of what an author wrote is data, so that nothing that runs later needs the plugin.
 */
import type { Json } from '../ir/expressions.ts';
import type { OperationKind } from './operations/kind.ts';
import type { Schema } from './schemas.ts';

/** What a message can say of a notice: each is text that the notice's own takes the place of when it is sent. */
export interface NoticeTexts {
  /** `failed`, `succeeded`, … */
  readonly event: string;
  /** One line: `flights failed at load (prod)`. */
  readonly headline: string;
  /** All there is to say, a line for each fact: error, job, source, session, … */
  readonly facts: string;
  readonly pipeline: string;
  readonly session: string;
  readonly status: string;
  /** Path of the job that it is about; empty where it is about none. */
  readonly job: string;
  /** Name and message of the error; empty where there is none. */
  readonly error: string;
  /** ISO 8601. */
  readonly at: string;
  /** The same however often a notice is sent. */
  readonly delivery: string;
  /** Where it is answered; empty where there is nothing to answer. */
  readonly link: string;
}

/** A POST with JSON. */
export interface PostMessage {
  /** `https://…`. @default the value of the first secret */
  readonly url?: string;
  /** Name of the secret that holds the address, where `url` gives none; see "secret" of the channel. */
  readonly address?: string;
  /** Headers beside `content-type`. In values `{{secret}}` stands for the value of `secret`. */
  readonly headers?: { readonly [name: string]: string };
  /** Name of the secret that headers and body may hold as `{{secret}}`. */
  readonly secret?: string;
  /** What is posted. Texts of the notice may stand anywhere in its texts. */
  readonly body: Json;
}

/** A kind of channels: what its settings become is a message by HTTPS. */
export interface ChannelKind {
  readonly interface: number;
  /** Lower-case letter, then letters, digits and `-`. */
  readonly kind: string;
  /** One sentence. */
  readonly summary: string;
  /** Markdown: what a channel of it is given. @default none */
  readonly docs?: string;
  /** What its settings may be, beside `kind`, `events`, `attempts` and `allowPrivate`. */
  readonly settings: Schema;
  /** The message of a channel with such settings. They have been checked. */
  lower(settings: never, notice: NoticeTexts): PostMessage;
}

/** What the default export of a plugin's package is. */
export interface Plugin {
  /** The version of the interface that it was made for, as a number of its own: 1. */
  readonly interface: number;
  /** Kinds of operations. */
  readonly kinds?: readonly OperationKind[];
  readonly channels?: readonly ChannelKind[];
}

/** `bunsui.config.ts`, or as JSON `bunsui.json`: what a project says of itself to the command line. */
export interface ProjectConfig {
  /** Packages that add kinds of operations and channels, by name; files of the project by a path that begins with `./`. */
  readonly plugins?: readonly string[];
  /** Patterns of pipeline files that `bunsui deploy` deploys. */
  readonly pipelines?: readonly string[];
  /** Name of the platform. @default "bunsui" */
  readonly platform?: string;
  /** Parameters of the platform: see `bunsui deploy --help`. */
  readonly params?: { readonly [name: string]: string | number | boolean };
  /** Context of CDK. */
  readonly context?: { readonly [name: string]: string | number | boolean };
  /** Channels by name: see docs/notifications.md. */
  readonly channels?: { readonly [name: string]: { readonly kind: string; readonly [setting: string]: unknown } };
  readonly stages?: {
    readonly [stage: string]: Pick<ProjectConfig, 'platform' | 'params' | 'context' | 'channels'> & {
      readonly profile?: string;
      readonly region?: string;
    };
  };
}

/**
 * Gives the editor the types of a project's configuration.
 *
 * @example export default defineConfig({ plugins: ['bunsui-plugin-notes'], pipelines: ['etl/*.ts'] });
 */
export function defineConfig(config: ProjectConfig): ProjectConfig {
  return config;
}
