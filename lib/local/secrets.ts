/**
 * Secrets Manager, as far as reading goes: a secret is a variable of this process (`env:NAME`) or a file
 * (`file:/absolute/path`), and only those are there that the platform's channels name. Nothing of them is kept.
 */
import { readFile } from 'node:fs/promises';
import { AwsFault, jsonAnswer } from './aws-fault.ts';
import type { Service } from './http.ts';
import { readJson, refuseOthers, requiredString } from './json-input.ts';
import type { RuntimeLog } from './runtime-log.ts';

const protocol = 'json-1.1';

/** @param isNamed whether a secret may be read */
export function secretsService(isNamed: (name: string) => boolean, log: RuntimeLog): Service {
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
      const value = isNamed(name) ? await secretValue(name) : undefined;
      if (value === undefined) {
        log('warn', `no such secret: ${name.slice(0, 200)}`);
        throw new AwsFault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
      }
      return jsonAnswer(protocol, { Name: name, SecretString: value, VersionStages: ['AWSCURRENT'] });
    },
  };
}

async function secretValue(name: string): Promise<string | undefined> {
  const [, kind, rest = ''] = /^(env|file):(.+)$/s.exec(name) ?? [];
  if (kind === 'env') return process.env[rest];
  return kind === 'file' ? readFile(rest, 'utf8').catch(() => undefined) : undefined;
}
