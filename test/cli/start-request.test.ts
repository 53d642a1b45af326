import { describe, expect, it } from 'vitest';
import { requestText } from '../../lib/cli/start-request.ts';

describe('a request to start a session', () => {
  const request = (text: string) => ({ pipeline: 'flow', input: { text }, trigger: { kind: 'api' } as const });
  const empty = Buffer.byteLength(JSON.stringify(request('')));

  it('has as many bytes as Lambda takes, in UTF-8', () => {
    const whole = request('é'.repeat((6_291_456 - empty) / 2));
    expect(Buffer.byteLength(requestText(whole))).toBeGreaterThan(6_291_454);
  });

  it('is refused with its size and what to do, before it is sent', () => {
    expect(() => requestText(request('x'.repeat(6_291_457 - empty)))).toThrow(
      'the input of pipeline "flow" makes a request of 6291457 bytes, and a session is started with 6291456 at most',
    );
  });
});
