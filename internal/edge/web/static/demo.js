// The codes on the cards stay the current ones.
import { $$ } from './app.js';
const fresh = async () => {
  if (document.hidden) return;
  const r = await fetch('/demo/codes');
  if (!r.ok) return;
  const codes = await r.json();
  $$('[data-code]').forEach(el => { el.textContent = codes[el.dataset.code] || ''; });
};
setInterval(fresh, 5000);
document.addEventListener('visibilitychange', fresh);
