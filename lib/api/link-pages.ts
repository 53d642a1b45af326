/**
 * Pages behind links: whoever holds a link sees what is asked, and answers it. Seeing is not answering: programs that
 * look at mail follow links, so only a POST of the page's own form answers.
 */
import { createHash } from 'node:crypto';
import type { Context, Hono } from 'hono';
import { BunsuiError } from '../errors.ts';
import { answerApproval, askedApproval, longestReason } from '../sessions/answer-approval.ts';
import { linkKey, linkParameter, readLink } from '../sessions/approval-links.ts';
import { endOfWait } from '../sessions/approval-store.ts';
import { filledIn, formFields } from './answer-form.ts';
import type { ApiBindings } from './app.ts';
import { refusalOf } from './answers.ts';
import { type Html, html } from './html.ts';
import { answerDepsOf } from './approval-routes.ts';
import type { ApiDeps } from './route.ts';

/** Most bytes of a form. */
const maxFormBytes = 64 * 1024;
const longestName = 256;

const style =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color:#171b24}h1{font-size:1.3rem}' +
  'label{display:block;margin:1rem 0}span{display:block}input,select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}' +
  'small{color:#565f6f}button{font:inherit;padding:.5rem 1.2rem;margin-right:.6rem}.m{white-space:pre-wrap;padding:1rem;background:#f2f4f7}.e{color:#b42121}';

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
};

/** The link itself stands in the query, which access logs leave out. */
const pathOfLinks = '/links';

type Asked = Context<{ readonly Bindings: ApiBindings }>;

/** Adds the pages. They ask nobody for a signature: the link is one. */
export function addLinkPages(app: Hono<{ readonly Bindings: ApiBindings }>, deps: ApiDeps): void {
  const { gatesTable } = deps;
  if (gatesTable === undefined) return;
  const key = linkKey({ db: deps.db, gatesTable });
  const told = async (context: Asked, work: (link: string) => Promise<Response>): Promise<Response> => {
    try {
      return await work(context.req.query(linkParameter) ?? '');
    } catch (thrown) {
      const { requestId } = context.env;
      const { status, body } = refusalOf(thrown, requestId);
      if (status >= 500 || status === 429) deps.onFailure(requestId, thrown);
      const { message, hint } = body.error;
      return page(status, 'Nothing was answered', html`<p class="e">${message}</p><p>${hint}</p>`);
    }
  };
  app.on('GET', pathOfLinks, (context) =>
    told(context, async (link) => {
      const claims = readLink(await key(), link, deps.now());
      return questionPage(200, await askedApproval(answerDepsOf(deps), claims));
    }),
  );
  app.on('POST', pathOfLinks, (context) =>
    told(context, async (link) => {
      const claims = readLink(await key(), link, deps.now());
      const open = await askedApproval(answerDepsOf(deps), claims);
      const sent = await formOf(context);
      const by = (sent.get('by') ?? '').trim();
      const decision = sent.get('decision');
      const isDecided = decision === 'approve' || decision === 'reject';
      if (by === '' || by.length > longestName || !isDecided) return questionPage(422, open, sent, 'say who you are');
      const reason = (sent.get('reason') ?? '').trim();
      try {
        const taken = await answerApproval(answerDepsOf(deps), {
          ...{ session: claims.session, job: claims.job, askedAt: claims.askedAt },
          answer: decision === 'reject' ? 'reject' : { approve: filledIn(open.node.form, sent) },
          ...(reason === '' ? {} : { reason }),
          by: `${by} (link sent to ${claims.channel})`,
          via: 'link',
        });
        const word = taken.approved ? 'Approved' : 'Rejected';
        return page(200, word, html`<p>${taken.job_id} of session ${taken.session_id} is ${word.toLowerCase()}.</p>`);
      } catch (thrown) {
        if (!(thrown instanceof BunsuiError && thrown.code === 'BS3015')) throw thrown;
        return questionPage(422, open, sent, thrown.message);
      }
    }),
  );
}

async function formOf({ req }: Asked): Promise<URLSearchParams> {
  const text = await req.text();
  if (Buffer.byteLength(text) > maxFormBytes) {
    throw new BunsuiError('ValidationError', 'BS6004', `the form has more than ${maxFormBytes} bytes`);
  }
  return new URLSearchParams(text);
}

function questionPage(
  status: number,
  { session, node, asked }: Awaited<ReturnType<typeof askedApproval>>,
  sent?: URLSearchParams,
  wrong?: string,
): Response {
  const { job, message, who } = asked;
  const until = new Date(endOfWait(asked)).toISOString();
  const title = `${session.pipeline_id}: ${job}`;
  return page(
    status,
    title,
    html`<p class="m">${message}</p>${who.length > 0 && html`<p>Asked: ${who.join(', ')}</p>`}<p><small>Session ${session.session_id}, until ${until}</small></p>${wrong !== undefined && html`<p class="e">${wrong}</p>`}<form method="post">${formFields(node.form, sent)}<label><span>Your name</span><input name="by" required maxlength="${longestName}" autocomplete="name" value="${sent?.get('by') ?? ''}"></label><label><span>Reason <small>(may be left out)</small></span><input name="reason" maxlength="${longestReason}" value="${sent?.get('reason') ?? ''}"></label><button name="decision" value="approve">Approve</button><button name="decision" value="reject">Reject</button></form>`,
  );
}

function page(status: number, title: string, body: Html): Response {
  const { html: text } =
    html`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${{ html: style }}</style><h1>${title}</h1>${body}</html>`;
  return new Response(text, { status, headers });
}
