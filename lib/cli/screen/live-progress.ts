/** The live picture: redrawn in place ten times a second and whenever the terminal changes its size. */
import type { SessionView } from '../../sessions/view.ts';
import { duration } from '../durations.ts';
import type { Terminal } from '../terminal.ts';
import { cut } from '../text-width.ts';
import { frame } from './frame.ts';
import { startPainter } from './painter.ts';
import type { FollowedSession, Progress } from './progress.ts';
import { spinnerAt } from './symbols.ts';

export function liveProgress({ out, err, unicode }: Terminal): Progress {
  const startedMs = Date.now();
  const painter = startPainter(out);
  let preparing = '';
  let followed: { readonly session: FollowedSession; readonly view: SessionView } | undefined;

  const draw = () => {
    const nowMs = Date.now();
    const { columns, rows } = out.size();
    if (followed === undefined) {
      const line = `${spinnerAt(nowMs, unicode)} ${preparing}  ${duration(nowMs - startedMs)}`;
      painter.draw([cut(line, columns - 1)]);
      return;
    }
    const { session, view } = followed;
    const title = `${session.pipeline}  ${session.session}${session.origin === 'started' ? '' : `  ${session.origin}`}`;
    painter.draw(frame(view, { title, columns, rows, unicode, palette: out.palette, nowMs }));
  };
  const timer = setInterval(draw, 100);
  process.stdout.on('resize', draw);

  return {
    preparing(what) {
      preparing = what;
      draw();
    },
    began(session, view) {
      followed = { session, view };
      draw();
    },
    changed(view) {
      if (followed !== undefined) followed = { ...followed, view };
    },
    note(text) {
      if (err.live) painter.above(`${text}\n`);
      else err.write(`${text}\n`);
    },
    stop() {
      clearInterval(timer);
      process.stdout.off('resize', draw);
      // What only said that something is prepared has no worth afterwards; the last picture has.
      if (followed === undefined) painter.draw([]);
      else draw();
      painter.stop();
    },
  };
}
