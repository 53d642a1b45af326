/** SES, as far as sending one mail goes: it lands as a file in `.bunsui/mail/`, and goes nowhere. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AwsFault } from './aws-fault.ts';
import { makeFolder, writeFileAtomic } from './durable-files.ts';
import type { Service } from './http.ts';
import { type JsonInput, readJson, refuseOthers } from './json-input.ts';
import type { RuntimeLog } from './runtime-log.ts';

/** The SES service (version 2) of a state folder. */
export function mailService(stateDir: string, log: RuntimeLog): Service {
  const folder = join(stateDir, 'mail');
  return {
    protocol: 'rest-json',
    async handle({ method, path, body }) {
      if (method !== 'POST' || path !== '/v2/email/outbound-emails') {
        log('warn', `unsupported SES call: ${method} ${path}`);
        throw new AwsFault('NotFoundException', `${method} ${path} is not served here`, 404);
      }
      const input = readJson(body);
      refuseOthers(input, ['FromEmailAddress', 'Destination', 'Content']);
      const id = randomUUID();
      const at = new Date().toISOString();
      await makeFolder(folder);
      await writeFileAtomic(join(folder, `${at.replaceAll(':', '')}-${id}.eml`), mailText(input, at));
      const headers = { 'content-type': 'application/json' };
      return { status: 200, headers, body: JSON.stringify({ MessageId: id }) };
    },
  };
}

/** The plain text with the headers that people look for; the HTML of it is left out. */
function mailText(input: JsonInput, at: string): string {
  const field = (value: unknown, ...path: readonly string[]): unknown =>
    path.reduce<unknown>((found, name) => (found as JsonInput | undefined)?.[name], value);
  const simple = field(input, 'Content', 'Simple');
  const to = field(input, 'Destination', 'ToAddresses');
  const subject = field(simple, 'Subject', 'Data');
  const text = field(simple, 'Body', 'Text', 'Data');
  if (!Array.isArray(to) || typeof subject !== 'string' || typeof text !== 'string') {
    throw new AwsFault('BadRequestException', 'only simple mails with a plain text are served here');
  }
  const header = (name: string, value: string) => `${name}: ${value.replaceAll(/[\r\n]+/g, ' ')}`;
  return [
    header('From', String(input['FromEmailAddress'])),
    header('To', to.join(', ')),
    header('Subject', subject),
    header('Date', at),
    '',
    text,
  ].join('\n');
}
