// The check before sending: counts what is left to tick, leads to it, and says
// what is missing. The server asks for every tick all the same.
import { $, $$, fetchDoc } from './app.js';

const form = $('form[data-ticks]'), ticks = $$('[data-tick]');
const open = () => ticks.filter(t => !t.checked);
const lead = el => {
  const card = el.closest('.item');
  for (let d = el.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
  card.scrollIntoView({ block: 'center' });
  el.focus({ preventScroll: true });
};

if (form) {
  const n = $('[data-tally] [data-n]'), say = $('[data-say]', form), send = $('[data-send]', form), next = $('[data-next]');
  const words = say.textContent;
  const count = () => {
    const left = open().length;
    n.textContent = left;
    n.closest('.pill').classList.toggle('wrn', left > 0);
    send.classList.toggle('pale', left > 0);
    next.hidden = left === 0;
    say.textContent = left ? words.replace(/\d+/, left) : form.dataset.done;
    for (const c of $$('.item')) c.classList.toggle('seen', $$('[data-tick]', c).length > 0 && $$('[data-tick]', c).every(t => t.checked));
  };
  if (next) {
    for (const t of ticks) t.addEventListener('change', count);
    next.addEventListener('click', e => { const t = open()[0]; if (t) { e.preventDefault(); lead(t); } });
    form.addEventListener('submit', e => {
      const t = open()[0];
      if (!t) return;
      e.preventDefault();
      e.stopImmediatePropagation();
      say.textContent = form.dataset.missing;
      lead(t);
    });
    count();
  }
}

// What is held counts down; when its time is up, the page looks what became of it.
const until = $('[data-until]');
if (until) {
  const end = performance.now() + until.dataset.until * 1000, state = $('[data-state]').dataset.state;
  const beat = setInterval(async () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) {
      until.textContent = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
      return;
    }
    until.textContent = until.dataset.over;
    if (left % 3) return;
    if (left < -120) clearInterval(beat);
    const { doc } = await fetchDoc('GET', location.pathname);
    if ($('[data-state]', doc)?.dataset.state !== state) { clearInterval(beat); location.reload(); }
  }, 1000);
}
