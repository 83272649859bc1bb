// Progress that moves by itself. Without this the page shows how far things are
// whenever it is loaded.
for (const bar of [...document.querySelectorAll('progress[data-events]')].slice(0, 3)) { // a browser keeps few connections
  const said = document.getElementById(bar.dataset.says), from = new EventSource(bar.dataset.events);
  const again = wait => { if (bar.dataset.then) setTimeout(() => location.reload(), wait); };
  from.onmessage = e => {
    const now = JSON.parse(e.data);
    if (now.max) { bar.max = now.max; bar.value = now.value; }
    if (said) said.textContent = now.text;
    if (now.last) { from.close(); again(800); }
  };
  from.onerror = () => { if (from.readyState === EventSource.CLOSED) again(15000); };
}
