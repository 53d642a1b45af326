/**
 * What the page does beyond links: choosing a job marks it everywhere and opens its details beside the page, the filter,
 * the copy buttons. The page says everything without it: the details then stand below the table. It is a string, not a function, because
 * its hash stands in the page's security policy and no bundler may change it.
 */

export const script = `'use strict';
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  document.documentElement.classList.add('js');
  let chosen;
  let origin;
  const close = () => {
    if (!chosen) return;
    for (const one of all('.sel')) one.classList.remove('sel');
    chosen.classList.remove('drawer');
    chosen = undefined;
    history.replaceState(null, '', location.pathname + location.search);
    if (origin && document.contains(origin)) origin.focus({ preventScroll: true });
  };
  const choose = (id, from) => {
    const details = document.getElementById(id);
    if (!details || !details.matches('details.job')) return false;
    if (chosen && chosen !== details) chosen.classList.remove('drawer');
    for (const one of all('.sel')) one.classList.remove('sel');
    for (const link of all('a[href="#' + CSS.escape(id) + '"]')) link.closest('.jobs tr, .gantt li, .n, .f')?.classList.add('sel');
    details.classList.add('sel');
    details.open = true;
    chosen = details;
    origin = from;
    details.classList.add('drawer');
    details.scrollTop = 0;
    history.replaceState(null, '', '#' + id);
    details.querySelector('summary').focus({ preventScroll: true });
    return true;
  };
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#job-"]');
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      if (choose(link.getAttribute('href').slice(1), link)) event.preventDefault();
      return;
    }
    const summary = event.target.closest('details.drawer > summary');
    if (summary) {
      event.preventDefault();
      close();
    }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close();
  });
  for (const code of all('code.cmd')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', 'Copy: ' + code.textContent);
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = 'Selected';
      }
    });
    code.after(button);
  }
  const figure = document.querySelector('.figure');
  const graph = document.querySelector('.graph');
  if (figure && graph) {
    const natural = graph.viewBox.baseVal;
    const zoom = (scale) => {
      const across = (figure.scrollLeft + figure.clientWidth / 2) / figure.scrollWidth;
      const down = (figure.scrollTop + figure.clientHeight / 2) / figure.scrollHeight;
      graph.setAttribute('width', String(Math.round(natural.width * scale)));
      graph.setAttribute('height', String(Math.round(natural.height * scale)));
      figure.scrollLeft = across * figure.scrollWidth - figure.clientWidth / 2;
      figure.scrollTop = down * figure.scrollHeight - figure.clientHeight / 2;
    };
    const scaleNow = () => graph.getBoundingClientRect().width / natural.width;
    const buttons = document.createElement('span');
    buttons.className = 'zoom';
    for (const [text, label, next] of [
      ['−', 'Smaller', () => Math.max(0.1, scaleNow() / 1.5)],
      ['+', 'Larger', () => Math.min(2, scaleNow() * 1.5)],
      ['Fit', 'Fit the width', () => (figure.clientWidth - 28) / natural.width],
      ['1:1', 'Natural size', () => 1],
    ]) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'copy';
      button.textContent = text;
      button.setAttribute('aria-label', label);
      button.addEventListener('click', () => zoom(next()));
      buttons.append(button);
    }
    figure.nextElementSibling.append(buttons);
    figure.scrollLeft = (figure.scrollWidth - figure.clientWidth) / 2;
  }
  const filter = document.querySelector('.filter');
  if (filter) {
    filter.hidden = false;
    filter.querySelector('input').addEventListener('input', (event) => {
      const words = event.target.value.toLowerCase().split(/\\s+/).filter(Boolean);
      for (const row of all('table.jobs tbody tr')) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  }
  if (/^#job-\\d+$/.test(location.hash)) choose(location.hash.slice(1));
})();
`;

/** SHA-256 of the script, base64: what the page's policy allows to run. A test computes it again. */
export const scriptHash = 'sha256-imk3k1S0olNffieQ0AV75HrOQLaT/7weWbhMacFkPWU=';
