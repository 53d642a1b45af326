/**
 * Refusals in AWS's words, and the four shapes in which AWS's protocols put them on the wire.
 */
import { element, xmlDocument } from './xml.ts';

/** A refusal that the caller is told. `code` and `status` are AWS's for the operation. */
export class AwsFault extends Error {
  override readonly name = 'AwsFault';
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Stands between the message and the hint of an error of ours, where AWS has a message only. */
export const hintMark = '\nHint: ';

/** How a service spells requests and errors. */
export type Protocol = 'json-1.0' | 'json-1.1' | 'rest-json' | 'rest-xml' | 'query';

/** A response of one of the services. */
export interface AwsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | NodeJS.ReadableStream;
}

/** Puts a fault on the wire. `resource` is the path, which S3 repeats. */
export function faultAnswer(protocol: Protocol, fault: AwsFault, requestId: string, resource: string): AwsAnswer {
  const { code, message, status } = fault;
  switch (protocol) {
    case 'json-1.0':
    case 'json-1.1':
      return {
        status,
        headers: { 'content-type': `application/x-amz-${protocol}`, 'x-amzn-errortype': code },
        body: JSON.stringify({ __type: code, message }),
      };
    case 'rest-json':
      return {
        status,
        headers: { 'content-type': 'application/json', 'x-amzn-errortype': code },
        body: JSON.stringify({ Type: status < 500 ? 'User' : 'Service', Message: message, message }),
      };
    case 'rest-xml':
      return {
        status,
        headers: { 'content-type': 'application/xml' },
        body: xmlDocument(
          element('Error', [
            element('Code', code),
            element('Message', message),
            element('Resource', resource),
            element('RequestId', requestId),
          ]),
        ),
      };
    case 'query':
      return {
        status,
        headers: { 'content-type': 'text/xml' },
        body: xmlDocument(
          element('ErrorResponse', [
            element('Error', [
              element('Type', status < 500 ? 'Sender' : 'Receiver'),
              element('Code', code),
              element('Message', message),
            ]),
            element('RequestId', requestId),
          ]),
        ),
      };
  }
}

/** The answer of a JSON protocol. */
export function jsonAnswer(protocol: 'json-1.0' | 'json-1.1', value: unknown): AwsAnswer {
  return { status: 200, headers: { 'content-type': `application/x-amz-${protocol}` }, body: JSON.stringify(value) };
}
