/**
 * The public surface for those who deploy: `import { Platform, Pipeline } from 'bunsui/constructs'`. Needs aws-cdk-lib
 * and constructs beside bunsui; authors of pipelines never load this.
 */
export type { PipelineDefinition } from './artifact-of.ts';
export { Pipeline, type PipelineProps } from './pipeline.ts';
export type { PlatformAttributes } from './imported-platform.ts';
export { Platform } from './platform.ts';
export type { IPlatform, NetworkPlace } from './platform-interface.ts';
export type { PlatformProps } from './platform-props.ts';
export type { ChannelConfig, Channels } from '../notify/channels.ts';
