/** The container for people with Docker, against the packages that all else is tested with. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const textOf = (name: string) => readFileSync(new URL(`../../localstack/${name}`, import.meta.url), 'utf8');
const compose = textOf('compose.yaml');

it('is pinned to a version, and to one that was compared with the packages that are installed', () => {
  expect(compose.match(/^ +image: (.*)$/gm)).toStrictEqual(['    image: localstack/localstack:4.14.0']);
  // Another version of the packages is a reason to look at the container again.
  const [, core] = /^localstack-core==(\S+)/m.exec(textOf('requirements.txt')) ?? [];
  expect([...(/localstack-core==(\S+)/.exec(compose.replaceAll('\n# ', ' ')) ?? [])][1]).toBe(core);
});

it('listens where nobody else can reach it, and reports nothing, as the packages do', () => {
  expect(compose).toMatch(/^ +- '127\.0\.0\.1:4566:4566'$/m);
  const settings = textOf('server.ts');
  for (const name of ['LOCALSTACK_HOST', 'SKIP_SSL_CERT_DOWNLOAD', 'DISABLE_EVENTS']) {
    expect([name, compose.includes(`${name}: `), settings.includes(`${name}: `)]).toStrictEqual([name, true, true]);
  }
});
