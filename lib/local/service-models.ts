/** The models of services that this package carries: `bench/service-models.ts` makes the file. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { ServiceModel, ServiceModels } from '../asl/service-model.ts';

let models: { readonly [service: string]: ServiceModel } | undefined;

/** Reads the file when somebody first asks. */
export const serviceModels: ServiceModels = (service) => {
  const file = new URL('service-models.json.gz', import.meta.url);
  models ??= JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as typeof models & {};
  return Object.hasOwn(models, service) ? models[service] : undefined;
};
