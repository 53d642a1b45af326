/** As much of CloudFormation as the command line asks, and a CDK command line that tells what it was asked. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface KeptStack {
  readonly status: string;
  readonly template: string;
  readonly tags: { readonly [name: string]: string };
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
const element = (name: string, ...inner: readonly string[]) => `<${name}>${inner.join('')}</${name}>`;

function stackXml(name: string, { status, tags }: KeptStack): string {
  const tagXml = Object.entries(tags).map(([key, value]) =>
    element('member', element('Key', escaped(key)), element('Value', escaped(value))),
  );
  return element(
    'member',
    element('StackName', name),
    element('StackStatus', status),
    element('CreationTime', '2026-11-20T10:00:00Z'),
    element('Tags', ...tagXml),
  );
}

/** Answers DescribeStacks, GetTemplate and DescribeStackResources from a map of stacks. */
export async function serveStacks(stacks: ReadonlyMap<string, KeptStack>) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const form = new URLSearchParams(body);
    const action = form.get('Action') ?? '';
    const name = form.get('StackName') ?? undefined;
    const found = [...stacks].filter(([key]) => name === undefined || key === name);
    if (name !== undefined && found.length === 0) {
      const message = `Stack with id ${name} does not exist`;
      const error = element(
        'Error',
        element('Type', 'Sender'),
        element('Code', 'ValidationError'),
        element('Message', message),
      );
      response.writeHead(400, { 'content-type': 'text/xml' }).end(element('ErrorResponse', error));
      return;
    }
    const [first] = found;
    const results: { readonly [action: string]: () => string } = {
      DescribeStacks: () => element('Stacks', ...found.map(([key, stack]) => stackXml(key, stack))),
      GetTemplate: () => element('TemplateBody', escaped(first?.[1].template ?? '{}')),
      DescribeStackResources: () =>
        element(
          'StackResources',
          element('member', element('LogicalResourceId', 'Kept'), element('PhysicalResourceId', 'bunsui-kept')),
        ),
    };
    const result = element(`${action}Result`, results[action]?.() ?? '');
    response.writeHead(200, { 'content-type': 'text/xml' }).end(element(`${action}Response`, result));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

/** A package `aws-cdk` in a project, whose command notes its words in `cdk.log`, prints these lines, and ends so. */
export function installCdk(folder: string, lines: readonly string[], status = 0): void {
  const bin = join(folder, 'node_modules/aws-cdk/bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(folder, 'node_modules/aws-cdk/package.json'), '{"name":"aws-cdk","version":"2.0.0"}');
  const script = [
    `require('node:fs').appendFileSync(${JSON.stringify(join(folder, 'cdk.log'))}, process.argv.slice(2, 4).join(' ') + '\\n');`,
    ...lines.map((line) => `console.error(${JSON.stringify(line)});`),
    `process.exitCode = ${status};`,
  ];
  writeFileSync(join(bin, 'cdk'), script.join('\n'));
}
