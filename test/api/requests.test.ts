import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiRoutes } from '../../lib/api/app.ts';
import { maxBodyBytes, readJson } from '../../lib/api/read-json.ts';
import { roles } from '../../lib/api/route.ts';
import { BunsuiError } from '../../lib/errors.ts';
import { type ApiWorld, apiWorld, type Refused, refused } from './api.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(() => world.close());

const sessions = '/v1/pipelines/flow/sessions';
const post = (text: string, headers: { readonly [name: string]: string } = {}) =>
  refused(world.call('POST', sessions, { text, headers }));

describe('a body', () => {
  it.each([
    ['is no JSON', '{"input": ', 'the body is no JSON: '],
    ['is no object', '[]', 'the request does not fit: body: is not of type'],
    ['is nested deeply', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'the body is nested deeper than 64 levels'],
    ['is nested deeply and not closed', '{"a":'.repeat(10_000), 'the body is nested deeper than 64 levels'],
    ['says a field twice', '{"input":{"day":"mon","day":"tue"}}', 'the body has the field "day" twice in one object'],
    [
      'says a field twice in two spellings',
      '{"input":{"day":1,"d\\u0061y" : 2}}',
      'the body has the field "d\\u0061y" twice',
    ],
    ['has a number that is infinite', '{"input":{"n":1e999}}', 'the number 1e999 cannot be kept exactly'],
    [
      'has a number that is too long',
      '{"input":{"n":9007199254740993}}',
      'the number 9007199254740993 cannot be kept exactly, it would become 9007199254740992',
    ],
    [
      'has a fraction that is too long',
      '{"input":{"n":0.1234567890123456789}}',
      'the number 0.1234567890123456789 cannot be kept exactly',
    ],
    [
      'has a number that vanishes',
      '{"input":{"n":1e-999}}',
      'the number 1e-999 cannot be kept exactly, it would become 0',
    ],
    ['has a number of many digits', `{"input":{"n":1${'0'.repeat(200_000)}1}}`, 'cannot be kept exactly'],
    ['has the field __proto__', '{"input":{"__proto__":{"admin":true}}}', 'the body has a field "__proto__"'],
  ])('that %s is refused', async (_, text, message) => {
    const [status, code, said] = await post(text);
    expect([status, code]).toStrictEqual([400, 'BS6001']);
    expect(said).toContain(message);
    expect(world.cloud.executions.size).toBe(0);
  });

  it('of 10 MB is refused without a look at it', async () => {
    const text = `{"input":{"day":"${'x'.repeat(10_000_000)}"}}`;
    expect(await post(text)).toStrictEqual([
      413,
      'BS6004',
      `the body has ${text.length} bytes, at most ${maxBodyBytes} are taken`,
    ]);
    expect((await post('{}', { 'content-length': '10000000' })).slice(0, 2)).toStrictEqual([413, 'BS6004']);
  });

  it('larger than what Step Functions takes is refused', async () => {
    const [status, code, said] = await post(`{"input":{"day":"${'x'.repeat(300_000)}"}}`);
    expect([status, code]).toStrictEqual([422, 'BS3001']);
    expect(said).toContain('at most 262144 are taken');
  });

  it('of another type is refused, and one that a route does not take', async () => {
    expect((await post('input=1', { 'content-type': 'application/x-www-form-urlencoded' })).slice(0, 2)).toStrictEqual([
      400,
      'BS6001',
    ]);
    expect(
      (await refused(world.call('POST', '/v1/sessions/s/rerun', { body: { force: true } }))).slice(0, 2),
    ).toStrictEqual([400, 'BS6001']);
  });

  it.each([
    '0',
    '-0',
    '0.1',
    '1.10',
    '100000000000000000000',
    '1e21',
    '1E-7',
    '123456789012345',
    '0.000001',
    '9007199254740992',
    '[1.5e300, {"a": -12.25}]',
    '"1e999 \\" 9007199254740993 {\\"a\\":1,\\"a\\":2}"',
    '{"a":{"a":[{"a":1},{"a":1}]},"b":"a"}',
  ])('that means one thing is read: %s', (text) => {
    expect(readJson(text)).toStrictEqual(JSON.parse(text));
  });

  it.each(['', '{', '"', '"\\', '-', '01', '[1,]', '{"a"}', 'nul', '\u0000', '{"a":1}}', ':'])(
    'that is no JSON is refused: %j',
    (text) => {
      expect(() => readJson(text)).toThrow(BunsuiError);
    },
  );
});

describe('an address', () => {
  it('that is none is not found', async () => {
    expect(await refused(world.call('GET', '/v1/nothing'))).toStrictEqual([
      404,
      'BS6002',
      'there is nothing at /v1/nothing',
    ]);
  });

  it.each([
    '/v1/sessions/%',
    '/v1/sessions/%E0%A4%A',
    '/v1/sessions/%00',
    '/v1/sessions/a%2Fb',
    '/v1/sessions/..%2F..%2Fx',
    `/v1/sessions/${'x'.repeat(5_000)}`,
    '/v1/sessions/dedup%23x',
    '/v1/sessions/a%20b/jobs',
    '/v1/sessions/x/jobs?%00=%',
    '/v1/pipelines/__proto__/sessions',
    '/',
    '/v1',
    '/v1/',
    '/v2/sessions',
  ])('that is odd is refused: %s', async (path) => {
    for (const method of ['GET', 'POST']) {
      const { status } = await world.call(method, path);
      expect([400, 404, 405]).toContain(status);
    }
    expect(world.failures).toStrictEqual([]);
  });

  it('says which methods it takes', async () => {
    const { status, headers, body } = await world.call<Refused>('POST', '/v1/sessions/x');
    expect([status, headers.get('allow'), body.error.code, body.error.message]).toStrictEqual([
      405,
      'GET',
      'BS6003',
      '/v1/sessions/x does not take POST, only GET',
    ]);
  });
});

describe('every answer', () => {
  it('is data for one caller, and bears the id of its request', async () => {
    const { headers } = await world.call('GET', '/v1/health');
    expect(Object.fromEntries(headers)).toStrictEqual({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'r1',
    });
  });

  it('that refuses has one shape', async () => {
    const { body } = await world.call('GET', '/v1/sessions/nobody');
    expect(body).toStrictEqual({
      error: {
        code: 'BS3002',
        message: 'no session has the id "nobody"',
        recoverable: false,
        context: { session_id: 'nobody' },
        request_id: 'r1',
      },
    });
  });
});

describe('what goes wrong inside', () => {
  const aws = (name: string, httpStatusCode: number) =>
    Object.assign(new Error(`${name} of arn:aws:states:us-east-1:123456789012:x at /var/task/index.mjs`), {
      name,
      $metadata: { httpStatusCode },
    });
  const start = () => world.call<Refused>('POST', sessions, { body: { input: { day: 'mon' } } });

  it.each([
    ['is called too often', aws('ThrottlingException', 400), 429, 'BS6006', true, '1'],
    ['is called too often, as S3 says it', aws('SlowDown', 503), 429, 'BS6006', true, '1'],
    ['has a fault', aws('InternalServerError', 500), 503, 'BS5001', true, '1'],
    ['is not there', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 503, 'BS5001', true, '1'],
    ['forbids it', aws('AccessDeniedException', 400), 500, 'BS6005', false, null],
    ['throws something odd', 'no error at all', 500, 'BS6005', false, null],
    ['is set up wrongly', new BunsuiError('ConfigError', 'BS2002', 'arn:aws:x'), 500, 'BS6005', false, null],
    [
      'is refused for now',
      new BunsuiError('AWSError', 'BS5001', 'arn:aws:x', { recoverable: true }),
      503,
      'BS5001',
      true,
      '1',
    ],
  ])(
    'because AWS %s says the id of the request and nothing else',
    async (_, thrown, status, code, recoverable, after) => {
      world.broken.set('StartExecutionCommand', thrown);
      const answer = await start();
      const { error } = answer.body;
      expect([answer.status, error.code, error.recoverable, answer.headers.get('retry-after')]).toStrictEqual([
        status,
        code,
        recoverable,
        after,
      ]);
      expect(Object.keys(error).sort()).toStrictEqual(['code', 'message', 'recoverable', 'request_id']);
      expect(JSON.stringify(answer.body)).not.toMatch(/arn:|\d{12}|\/var|index|at \//);
      expect(world.failures).toStrictEqual([['r1', thrown]]);
    },
  );

  it('and was over a moment later has done no harm: the same key goes on', async () => {
    const again = () =>
      world.call('POST', sessions, { body: { input: { day: 'mon' } }, headers: { 'Idempotency-Key': 'k' } });
    world.broken.set('StartExecutionCommand', aws('ThrottlingException', 400));
    expect((await again()).status).toBe(429);
    world.broken.clear();
    expect((await again()).status).toBe(200);
    expect(world.cloud.executions.size).toBe(1);
  });
});

describe('roles', () => {
  it('are named by every route, and who may less is refused on each', async () => {
    const cells: string[] = [];
    for (const route of apiRoutes) {
      const path = route.path.replaceAll(/\{\w+\}/g, 'nobody');
      for (const role of roles) {
        const { status } = await world.call(route.method, path, { role });
        const may = roles.indexOf(role) >= roles.indexOf(route.role);
        cells.push(
          `${role} ${route.operation} ${status === 403 ? 'no' : 'yes'}${(status === 403) === may ? ' WRONG' : ''}`,
        );
      }
    }
    expect(cells.filter((cell) => cell.endsWith('WRONG'))).toStrictEqual([]);
    expect(cells.filter((cell) => cell.endsWith('no'))).toStrictEqual([
      'viewer startSession no',
      'viewer tagSession no',
      'viewer cancelSession no',
      'viewer pauseSession no',
      'viewer resumeSession no',
      'viewer rerunSession no',
      'viewer deleteSession no',
      'operator deleteSession no',
      'viewer keepCheckpoint no',
      'viewer pruneCheckpoints no',
      'operator pruneCheckpoints no',
      'viewer purgeSessions no',
      'operator purgeSessions no',
      'viewer answerApproval no',
    ]);
  });

  it('are wanted of those who change something', () => {
    const changing = apiRoutes.filter(({ method }) => method !== 'GET');
    expect(changing.map(({ operation, role }) => `${operation} ${role}`)).toStrictEqual([
      'startSession operator',
      'tagSession operator',
      'cancelSession operator',
      'pauseSession operator',
      'resumeSession operator',
      'rerunSession operator',
      'deleteSession admin',
      'keepCheckpoint operator',
      'pruneCheckpoints admin',
      'purgeSessions admin',
      'answerApproval operator',
    ]);
  });

  it('refuse a caller without one', async () => {
    const { apiApp } = await import('../../lib/api/app.ts');
    const app = apiApp({
      ...world.cloud.deps,
      objectUrl: () => Promise.reject(new Error()),
      onFailure: () => undefined,
    });
    const answer = await app.request('/v1/health', {}, { caller: { role: undefined }, requestId: 'r' });
    expect([answer.status, ((await answer.json()) as Refused).error.code]).toStrictEqual([403, 'BS6007']);
  });
});
