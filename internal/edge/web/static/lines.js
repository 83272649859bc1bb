// The editor of an invoice. It moves cells and rows about, sends what is typed
// and shows what comes back: it computes nothing.
import { $, $$, debounce, fetchDoc } from './app.js';

const form = $('#draft');
if (form) {
  const table = $('#lines'), body = table.tBodies[0], blank = $('#newline').content, said = $('#saved'), many = $('#lines-n');
  const cells = tr => $$('input:not(.note-in),select', tr);
  const tell = (words, bad) => { said.textContent = words; said.classList.toggle('bad', !!bad); };
  const data = () => new URLSearchParams(new FormData(form));
  let seq = 0, clean = '', busy = false, stopped = false;

  const add = after => {
    const tr = document.importNode(blank.querySelector('tr'), true);
    after ? after.after(tr) : body.append(tr);
    number();
    return tr;
  };
  // Names of the fields stay; ids follow the place of the row, so that what is wrong can lead there.
  const number = () => {
    let n = 0;
    for (const tr of body.rows) {
      const full = $$('input', tr).some(i => i.value.trim());
      for (const i of $$('[id]', tr)) i.id = (full ? 'l' + n : 'x' + tr.rowIndex) + i.id.slice(i.id.indexOf('-'));
      n += full;
    }
    many.textContent = n ? many.dataset.n.replace('{n}', n) : '';
  };

  const put = (sel, words) => { $(sel).textContent = words; };
  const el = (tag, words, name) => { const e = document.createElement(tag); e.textContent = words; if (name) e.className = name; return e; };
  let due = !form.due.value; // nobody has touched it
  form.due.addEventListener('input', () => { due = false; });
  const panel = p => {
    put('#t-total', p.total); put('#t-base', p.base); put('#t-tax', p.tax);
    if ($('#t-wait')) $('#t-wait').hidden = p.known;
    $$('#t-rates .rt').forEach(e => e.remove());
    const tax = $('#t-rates .sum dt').dataset.tax;
    for (const r of p.rates || []) {
      const d = el('div', '', 'rt');
      d.append(el('dt', r.label), el('dd', r.base), el('dt', tax, 'tax'), el('dd', r.tax, 'tax'));
      $('#t-rates .sum').before(d);
    }
    $('#missing .fine').hidden = !p.known || !!p.problems?.length;
    $('#m-list').replaceChildren(...(p.problems || []).map(m => {
      const li = el('li', m.to ? '' : m.text);
      if (m.to) { const a = el('a', m.text); a.href = '#' + m.to; li.append(a); }
      return li;
    }));
  };
  // A cell is only written anew while it still holds what was sent and nobody is in it.
  const answer = (r, sent) => {
    if (r.panel?.known) panel(r.panel);
    if (r.due && due && form.due.value !== r.due) {
      form.due.value = r.due;
      put('#h-due', r.dueHint);
      later();
    }
    [...body.rows].forEach((tr, k) => {
      const d = r.rows?.[k], o = $('output', tr);
      if (!d || d.amount === undefined) { if (r.rows) o.textContent = ''; return; }
      o.textContent = d.amount;
      o.classList.toggle('neg', d.negative);
      for (const c of ['date', 'quantity', 'price']) {
        const i = $(`[name=l_${c}]`, tr), bad = d.wrong?.[c], is = d.values?.[c];
        if (i.value.trim() !== sent.getAll('l_' + c)[k]?.trim()) continue;
        bad ? i.setAttribute('aria-invalid', 'true') : i.removeAttribute('aria-invalid');
        i.title = bad || '';
        if (is && i !== document.activeElement) i.value = is;
      }
    });
  };
  const post = async (url, sent) => {
    const r = await fetch(url, { method: 'POST', body: sent });
    if (!(r.headers.get('Content-Type') || '').startsWith('application/json')) throw new Error('status ' + r.status);
    return r.json();
  };

  const calc = debounce(async () => {
    if (!form.dataset.calc) return;
    const n = ++seq, sent = data();
    try {
      const r = await post(form.dataset.calc, sent);
      if (n === seq) { answer(r, sent); if (r.wrong) tell(r.wrong, true); }
    } catch { tell(form.dataset.gone, true); }
  }, 120);

  // One save at a time; what is typed meanwhile is saved by the next. A new draft
  // keeps its key until it is kept, so that it is made once.
  const same = () => { const d = data(); for (const k of ['_key', 'version', 'base']) d.delete(k); return d.toString(); };
  const keep = async () => {
    const now = same();
    if (busy || stopped || now === clean || !form.partner.value.trim()) return;
    if (!form.party.value && document.activeElement === form.partner) return; // still being typed
    busy = true;
    const sent = data();
    sent.set('_auto', '1');
    if (form.party.value) sent.delete('_key');
    tell(form.dataset.saving);
    try {
      const r = await post(form.getAttribute('action'), sent);
      if (r.conflict) { stopped = true; $('#clash').hidden = false; tell(form.dataset.unsaved, true); }
      else if (r.wrong) { answer({ rows: r.rows }, sent); tell(r.wrong, true); }
      else {
        const edited = same() !== now;
        form.version.value = r.version;
        form.base.value = r.base;
        if (!form.party.value) begun(r);
        answer(r, sent);
        clean = edited ? now : same();
        if (edited) later();
        tell(r.saved);
      }
    } catch { tell(form.dataset.gone, true); }
    busy = false;
  };
  const later = debounce(keep, 1200);
  // The draft has been kept for the first time: it has an address of its own now.
  const begun = r => {
    form.party.value = r.party;
    form.partner.readOnly = true;
    form.partner.value = r.partner;
    put('h1', r.partner);
    put('#h-partner', form.dataset.fixed);
    form.partner.removeAttribute('list');
    form.setAttribute('action', r.action);
    history.replaceState(null, '', r.action);
  };
  const touched = () => { number(); calc(); tell(form.dataset.unsaved); later(); };

  form.addEventListener('input', touched);
  form.addEventListener('change', touched);
  document.addEventListener('keydown', e => { if ((e.ctrlKey || e.metaKey) && e.key === 's' && !e.isComposing) { e.preventDefault(); keep(); } });
  document.addEventListener('visibilitychange', () => { if (document.hidden) keep(); });

  table.addEventListener('keydown', e => {
    const tr = e.target.closest('tbody tr');
    if (!tr || e.isComposing || e.keyCode === 229) return;
    if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); cells(add(tr))[0].focus(); }
    else if (e.key === 'Enter' && e.target.matches('input,select')) {
      e.preventDefault();
      const all = $$('input,select', body).filter(i => i.offsetParent), i = all.indexOf(e.target) + (e.shiftKey ? -1 : 1);
      (all[i] || (e.shiftKey ? e.target : cells(add())[0])).focus();
    } else if (e.altKey && /^Arrow(Up|Down)$/.test(e.key)) {
      e.preventDefault();
      const up = e.key === 'ArrowUp', by = up ? tr.previousElementSibling : tr.nextElementSibling;
      if (by) { up ? by.before(tr) : by.after(tr); e.target.focus(); touched(); }
    }
  });
  table.addEventListener('keypress', e => { if (e.key === 'Enter' && !e.target.closest('button')) e.preventDefault(); }); // a cell never sends the form
  table.addEventListener('click', e => {
    const b = e.target.closest('[data-del]');
    if (!b) return;
    const tr = b.closest('tr'), next = tr.nextElementSibling || tr.previousElementSibling;
    tr.remove();
    cells(next || add())[0].focus();
    touched();
  });
  $('[data-add]').addEventListener('click', e => { e.preventDefault(); cells(add())[0].focus(); });

  // Cells of a spreadsheet: tabs between cells, quotes around a cell with a line break.
  const sheet = text => {
    const rows = [[]];
    for (const m of text.replace(/\r\n?/g, '\n').replace(/\n$/, '').matchAll(/("(?:[^"]|"")*"(?=[\t\n]|$)|[^\t\n]*)(\t|\n|$)/g)) {
      rows.at(-1).push(m[1].startsWith('"') && m[1].endsWith('"') && m[1].length > 1 ? m[1].slice(1, -1).replace(/""/g, '"').replace(/\n/g, ' ') : m[1]);
      if (m[2] === '\n') rows.push([]);
      if (!m[2]) break;
    }
    return rows;
  };
  const set = (i, v) => {
    if (i.tagName !== 'SELECT') { i.value = v.trim(); return; }
    const want = v.normalize('NFKC').replace(/\s/g, '');
    const o = [...i.options].find(o => o.text === v || o.value === v || o.dataset.also.split(' ').includes(want));
    if (o) i.value = o.value;
  };
  table.addEventListener('paste', e => {
    const text = e.clipboardData.getData('text'), tr = e.target.closest('tbody tr');
    if (!tr || !/[\t\n]/.test(text.trimEnd()) || !cells(tr).includes(e.target)) return;
    e.preventDefault();
    const from = cells(tr).indexOf(e.target);
    let to = tr;
    sheet(text).slice(0, 600).forEach((line, k) => {
      if (k) to = to.nextElementSibling || add();
      line.forEach((v, c) => { const i = cells(to)[from + c]; if (i) set(i, v); });
    });
    touched();
  });
  number();
  clean = same();
}

// A document that is being made is looked at again until it is there.
const again = () => {
  const doc = $('#doc[data-refresh]');
  if (!doc) return;
  setTimeout(async () => {
    try {
      const r = await fetchDoc('GET', location.pathname), next = $('#doc', r.doc);
      if (next && !next.dataset.refresh) { doc.replaceWith(document.adoptNode(next)); $$('#doc [data-print]').forEach(b => b.addEventListener('click', () => print())); return; }
    } catch { /* the next look may find the server again */ }
    again();
  }, +doc.dataset.refresh);
};
again();
