import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findJava, findPython } from '../../localstack/programs.ts';

/** A folder with programs that print what they are said to print. */
function programs(printed: { readonly [path: string]: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-programs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(printed)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\nwhile IFS= read -r line; do echo "$line"; done <<'END'\n${text}\nEND\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}

describe('a Python for LocalStack', () => {
  it('is found among those of pyenv, the tested one first', async () => {
    const home = programs({
      '.pyenv/versions/3.12.1/bin/python': '3.12.1',
      '.pyenv/versions/3.13.0/bin/python': '3.13.0',
      '.pyenv/versions/3.11.7/bin/python': '3.11.7',
    });
    // Nothing on the path: what this machine has does not matter.
    const found = await findPython({ HOME: home, PATH: home, PYENV_ROOT: join(home, '.pyenv') });
    expect(found).toStrictEqual({ path: join(home, '.pyenv/versions/3.13.0/bin/python'), version: '3.13.0' });
  });

  it('is the one that PYTHON names, or none', async () => {
    const home = programs({ mine: '3.12.9', old: '3.11.7', new: '3.14.0', 'python3.13': '3.13.0' });
    const named = (name: string) => findPython({ HOME: home, PATH: home, PYTHON: join(home, name) });
    expect(await named('mine')).toStrictEqual({ path: join(home, 'mine'), version: '3.12.9' });
    for (const [name, said] of [
      ['old', '3.11.7'],
      ['new', '3.14.0'],
      ['absent', 'not there, or without venv and pip'],
    ] as const) {
      await expect(named(name)).rejects.toThrow(
        `LocalStack needs Python 3.12 or 3.13; looked at ${join(home, name)} (${said}); install one of them, or name it with PYTHON=/path/to/python`,
      );
    }
  });

  it('that is not there is missed with the list of places', async () => {
    const home = programs({ python3: '3.11.2' });
    await expect(findPython({ HOME: home, PATH: home })).rejects.toThrow(
      /looked at python3\.13 \(not there.*\), python3\.12 \(not there.*\), python3 \(3\.11\.2\)/,
    );
  });
});

describe('a Java for LocalStack', () => {
  const says = (version: string) =>
    `Property settings:\n    java.home = /opt/jdk\n    java.specification.version = ${version}\n`;

  it('is that of JAVA_HOME, from version 17 on', async () => {
    const home = programs({ '17/bin/java': says('17'), '11/bin/java': says('11'), '8/bin/java': says('1.8') });
    const of = (version: string) => findJava({ PATH: home, JAVA_HOME: join(home, version) });
    expect(await of('17')).toBe('/opt/jdk');
    await expect(of('11')).rejects.toThrow(`needs Java 17 or later; ${join(home, '11/bin/java')} is version 11`);
    await expect(of('8')).rejects.toThrow(`${join(home, '8/bin/java')} is version 1`);
    await expect(of('none')).rejects.toThrow(`${join(home, 'none/bin/java')} cannot be run`);
  });
});
