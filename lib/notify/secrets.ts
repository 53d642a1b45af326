/** Values of secrets, kept for minutes: a queue of notices does not ask for each. */
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { BunsuiError } from '../errors.ts';
import type { SecretName } from './channels.ts';

export interface Secrets {
  /** @throws {BunsuiError} BS5001 naming the secret. Values are in no error. */
  read(name: SecretName): Promise<string>;
  /** Reads a secret again. @returns whether its value is another one now. */
  refresh(name: SecretName): Promise<boolean>;
}

const keptMs = 5 * 60_000;

/** Secrets of Secrets Manager. The whole text of one is its value, but for space around it. */
export function secretsFrom(client: Pick<SecretsManagerClient, 'send'>, now: () => number): Secrets {
  const kept = new Map<SecretName, { readonly value: string; readonly untilMs: number }>();
  const load = async (name: SecretName): Promise<string> => {
    let text: string | undefined;
    try {
      ({ SecretString: text } = await client.send(new GetSecretValueCommand({ SecretId: name })));
    } catch (error) {
      throw unreadable(name, reasonOf(name, error));
    }
    const value = text?.trim() ?? '';
    if (value === '') throw unreadable(name, 'it is empty, or not text');
    kept.set(name, { value, untilMs: now() + keptMs });
    return value;
  };
  return {
    async read(name) {
      const found = kept.get(name);
      return found !== undefined && found.untilMs > now() ? found.value : load(name);
    },
    async refresh(name) {
      const before = kept.get(name)?.value;
      return (await load(name)) !== before;
    },
  };
}

function reasonOf(name: SecretName, error: unknown): string {
  if (!(error instanceof Error)) return 'it cannot be read';
  if (error.name !== 'ResourceNotFoundException') return error.name;
  if (name.startsWith('env:')) return 'the variable is not set in the process that runs the runtime';
  return name.startsWith('file:') ? 'there is no such file' : 'there is no such secret';
}

function unreadable(name: SecretName, why: string): BunsuiError {
  return new BunsuiError('AWSError', 'BS5001', `the secret ${name} could not be read: ${why}`, { recoverable: true });
}
