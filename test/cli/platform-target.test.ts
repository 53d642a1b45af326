import { describe, expect, it } from 'vitest';
import { isPlatformName, targetOf, targetOptions } from '../../lib/cli/platform-target.ts';

describe('the platform that a command is for', () => {
  it('is this machine unless an option or BUNSUI_PLATFORM asks for AWS', () => {
    const local = { kind: 'local', stateDir: '.bunsui' };
    const tries = [
      targetOf({}, {}),
      targetOf({}, { AWS_PROFILE: 'dev', AWS_ENDPOINT_URL: 'http://127.0.0.1:4566', BUNSUI_PLATFORM: '' }),
      targetOf({ stateDir: 'elsewhere' }, { BUNSUI_PLATFORM: 'bunsuidev' }),
      targetOf({}, { BUNSUI_PLATFORM: 'bunsuidev' }),
      targetOf({ platform: 'acme' }, { BUNSUI_PLATFORM: 'bunsuidev' }),
      targetOf({ region: 'eu-west-1' }, {}),
      targetOf({ profile: 'dev', endpointUrl: 'http://127.0.0.1:4566/' }, { BUNSUI_PLATFORM: 'bunsuidev' }),
    ];
    expect(tries).toStrictEqual([
      local,
      local,
      { kind: 'local', stateDir: 'elsewhere' },
      { kind: 'aws', name: 'bunsuidev' },
      { kind: 'aws', name: 'acme' },
      { kind: 'aws', name: 'bunsui', region: 'eu-west-1' },
      { kind: 'aws', name: 'bunsuidev', profile: 'dev', endpointUrl: 'http://127.0.0.1:4566' },
    ]);
  });

  it('is told again by the options that lead to it', () => {
    const targets = [
      targetOf({}, {}),
      targetOf({ stateDir: 'a b' }, {}),
      targetOf({ platform: 'acme', region: 'eu-west-1', profile: 'p', endpointUrl: 'https://x' }, {}),
    ];
    expect(targets.map(targetOptions)).toStrictEqual([
      [],
      ['--state-dir', 'a b'],
      ['--platform', 'acme', '--profile', 'p', '--region', 'eu-west-1', '--endpoint-url', 'https://x'],
    ]);
  });

  it.each([
    [{ stateDir: 'x', region: 'y' }, {}, '--state-dir is for this machine, --region for AWS'],
    [{ platform: 'Acme' }, {}, '--platform names the platform "Acme"'],
    [{ platform: '' }, {}, '--platform names the platform ""'],
    [{}, { BUNSUI_PLATFORM: 'a-b' }, 'BUNSUI_PLATFORM names the platform "a-b"'],
    [{ endpointUrl: 'localhost:4566' }, {}, '--endpoint-url is "localhost:4566", which is no URL'],
  ])('is refused: %o with %o', (typed, environment, message) => {
    expect(() => targetOf(typed, environment)).toThrow(expect.objectContaining({ code: 'BS2001', message }));
  });

  it('has a name that names of resources can begin with', () => {
    const names = ['bunsui', 'b', 'a1234567890bcde', 'a1234567890bcdef', '1a', 'a-b', 'a_b', 'Ab', ''];
    expect(names.filter(isPlatformName)).toStrictEqual(['bunsui', 'b', 'a1234567890bcde']);
  });
});
