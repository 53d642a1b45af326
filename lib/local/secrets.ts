/**
 * Secrets Manager, as far as reading goes: a secret is a variable of this process (`env:NAME`) or a file
 * (`file:/absolute/path`), where the platform's channels name it so; what pipelines name is a variable of this process or a
 * line of a file beside the state folder. Nothing of them is kept.
 */
import { readFile } from 'node:fs/promises';
import { isSecretName } from '../secret-layout.ts';
import { AwsFault, jsonAnswer } from './aws-fault.ts';
import type { Service } from './http.ts';
import { readJson, refuseOthers, requiredString } from './json-input.ts';
import type { RuntimeLog } from './runtime-log.ts';

const protocol = 'json-1.1';

/**
 * @param isNamed whether a channel names this secret
 * @param file of secrets that pipelines name: lines `name=value`
 */
export function secretsService(isNamed: (name: string) => boolean, file: string, log: RuntimeLog): Service {
  return {
    protocol,
    async handle({ headers, body }) {
      const target = headers['x-amz-target'] ?? '';
      if (target !== 'secretsmanager.GetSecretValue') {
        log('warn', `unsupported Secrets Manager call: ${target}`);
        throw new AwsFault('UnknownOperationException', `the operation ${target} is not served here`);
      }
      const input = readJson(body);
      refuseOthers(input, ['SecretId']);
      const name = requiredString(input, 'SecretId');
      const value = isNamed(name) ? await secretValue(name) : await pipelineSecret(name, file);
      if (value === undefined) {
        log('warn', `no such secret: ${name.slice(0, 200)}`);
        throw new AwsFault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
      }
      return jsonAnswer(protocol, { Name: name, SecretString: value, VersionStages: ['AWSCURRENT'] });
    },
  };
}

/** A secret that a pipeline names: the variable `BUNSUI_SECRET_<NAME>` of this process, else its line in the file. */
async function pipelineSecret(name: string, file: string): Promise<string | undefined> {
  if (!isSecretName(name)) return undefined;
  const variable = `BUNSUI_SECRET_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
  const set = process.env[variable];
  if (set !== undefined) return set;
  const lines = (await readFile(file, 'utf8').catch(() => '')).split(/\r?\n/);
  const line = lines.find((one) => one.startsWith(`${name}=`));
  if (line === undefined) return undefined;
  const value = line.slice(name.length + 1);
  // In quotes it is JSON text, so that a value may have several lines.
  return /^".*"$/.test(value) ? (JSON.parse(value) as string) : value;
}

async function secretValue(name: string): Promise<string | undefined> {
  const [, kind, rest = ''] = /^(env|file):(.+)$/s.exec(name) ?? [];
  if (kind === 'env') return process.env[rest];
  return kind === 'file' ? readFile(rest, 'utf8').catch(() => undefined) : undefined;
}
