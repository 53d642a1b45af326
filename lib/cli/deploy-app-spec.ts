/** What the command line hands to the CDK app of `bunsui deploy`. */
import type { Deployment } from './deployment.ts';

export interface DeployAppSpec {
  readonly deployment: Deployment;
  /** Folder that the cloud assembly is written to. */
  readonly outdir: string;
  /** Whether the platform's own stack is part of it: not where another app has deployed the platform. */
  readonly withPlatform: boolean;
  /** Stacks that are only to be destroyed: a platform's comes after those of its pipelines. */
  readonly emptyStacks: readonly string[];
}

/** Tags of stacks, by which they are listed. */
export const stackTags = {
  /** `platform` or `pipeline`. */
  kind: 'bunsui:stack',
  /** The platform's prefix. */
  platform: 'bunsui:prefix',
  /** The pipeline's id. */
  pipeline: 'bunsui:pipeline',
} as const;
