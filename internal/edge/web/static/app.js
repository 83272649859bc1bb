// What every page has. No eval, no markup from strings, no inline handlers: what
// comes from the server is parsed by the browser as a document and moved over.
export const $ = (s, r = document) => r.querySelector(s);
export const $$ = (s, r = document) => [...r.querySelectorAll(s)];
export const debounce = (f, ms) => { let t; return (...a) => { clearTimeout(t); t = setTimeout(() => f(...a), ms); }; };

// fetchDoc gives an answer of the server as a document.
export const fetchDoc = (method, url, body) => new Promise((ok, no) => {
  const x = new XMLHttpRequest();
  x.open(method, url);
  x.responseType = 'document';
  x.timeout = 20000;
  x.onload = () => ok({ status: x.status, doc: x.response, url: x.responseURL });
  x.onerror = x.ontimeout = () => no(new Error('network'));
  x.send(body);
});

// The search over everything: under the field in the head of the page.
const find = $('[data-palette]');
if (find) {
  const box = document.createElement('dialog');
  box.className = 'palette';
  box.setAttribute('aria-label', find.labels[0].textContent);
  const label = document.createElement('label'), input = document.createElement('input'), list = document.createElement('div');
  input.type = 'search';
  input.setAttribute('aria-label', find.labels[0].textContent);
  label.append(input);
  box.append(label, list);
  document.body.append(box);
  let seq = 0;
  const load = async () => {
    const n = ++seq, { doc } = await fetchDoc('GET', find.dataset.palette + '?bare=1&q=' + encodeURIComponent(input.value));
    const hits = $('#hits', doc);
    if (n === seq && hits) list.replaceChildren(document.adoptNode(hits));
    $('li', list)?.setAttribute('aria-selected', 'true');
  };
  const open = () => { if (!box.open) { input.value = find.value; box.showModal(); load(); } };
  input.addEventListener('input', debounce(load, 80));
  box.addEventListener('keydown', e => {
    if (e.isComposing) return;
    const all = $$('li', list), at = all.findIndex(x => x.getAttribute('aria-selected') === 'true');
    if (/^Arrow(Up|Down)$/.test(e.key)) {
      e.preventDefault();
      const to = (at + (e.key === 'ArrowDown' ? 1 : -1) + all.length) % all.length;
      all.forEach((x, k) => x.setAttribute('aria-selected', k === to));
      all[to]?.scrollIntoView({ block: 'nearest' });
    }
    if (e.key === 'Enter') { e.preventDefault(); $('a', all[at] || list)?.click(); }
  });
  document.addEventListener('keydown', e => {
    if (e.isComposing) return;
    if ((e.ctrlKey || e.metaKey) && e.key === 'k') { e.preventDefault(); open(); }
    if (e.key === '/' && !e.target.closest('input,textarea,select')) { e.preventDefault(); find.focus(); }
  });
}

// Dates and numbers are read by the server, which knows eras and full width.
for (const i of $$('[data-norm]')) i.addEventListener('change', async () => {
  const r = await fetch('/normalize', { method: 'POST', body: new URLSearchParams({ kind: i.dataset.norm, value: i.value }) });
  if (!r.ok) return;
  const said = await r.json(), hint = document.getElementById(i.getAttribute('aria-describedby'));
  i.value = said.value;
  hint.textContent = said.wrong || said.hint;
  hint.classList.toggle('err', !!said.wrong);
  i.parentElement.classList.toggle('err', !!said.wrong);
  said.wrong ? i.setAttribute('aria-invalid', 'true') : i.removeAttribute('aria-invalid');
});

// A form is sent once, however often the button is pressed.
document.addEventListener('submit', e => {
  if (e.defaultPrevented) return;
  if (e.target.dataset.sent) { e.preventDefault(); return; }
  if (e.target.method === 'post') {
    e.target.dataset.sent = '1';
    setTimeout(() => delete e.target.dataset.sent, 4000);
  }
});
addEventListener('pageshow', () => $$('form').forEach(f => delete f.dataset.sent));

// What takes longer is filled in from a page of its own, which is there without
// a script as well.
const fills = $$('[data-fill]');
for (const url of new Set(fills.map(f => f.dataset.fill))) fetchDoc('GET', url).then(({ status, doc }) => {
  if (status !== 200) return;
  for (const f of fills.filter(f => f.dataset.fill === url)) {
    const part = doc.getElementById(f.dataset.part);
    if (part) f.replaceWith(document.adoptNode(part));
  }
  document.documentElement.dataset.filled = '1';
}).catch(() => {});

// Rows are walked with J and K, opened with Enter; no key sends or approves.
const rows = $$('.list tbody tr:has(a)');
if (rows.length) document.addEventListener('keydown', e => {
  if (e.isComposing || e.ctrlKey || e.metaKey || e.altKey || e.target.closest('input,textarea,select,button')) return;
  if (e.key === 'j' || e.key === 'k') {
    const at = rows.findIndex(r => r.contains(document.activeElement)), to = rows[Math.min(rows.length - 1, Math.max(0, at + (e.key === 'j' ? 1 : -1)))];
    $('a', to).focus();
  }
});

// Untouched for long, the page locks itself; what is typed is kept by the server.
const lock = document.body.dataset.lock;
if (lock) {
  let last = Date.now();
  for (const e of ['pointerdown', 'keydown', 'scroll']) addEventListener(e, () => { last = Date.now(); }, { passive: true, capture: true });
  setInterval(() => { if (Date.now() - last > 25 * 60000) { const f = $('form[action="/lock"]'); if (f) f.requestSubmit(); } }, 15000);
}

for (const a of $$('[data-back]')) a.addEventListener('click', e => { if (history.length > 1) { e.preventDefault(); history.back(); } });
for (const b of $$('[data-print]')) b.addEventListener('click', () => print());
$('[data-focus]')?.focus();
document.documentElement.dataset.ready = '1';
