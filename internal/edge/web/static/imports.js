// The progress of an import moves by itself; without this the link reloads it.
import { $, fetchDoc } from './app.js';

const look = async () => {
  const here = $('#progress');
  if (!here) return;
  try {
    const { status, doc } = await fetchDoc('GET', location.pathname), now = status === 200 && $('#progress', doc);
    if (status === 200 && !now) { location.replace(location.pathname); return; }
    if (now && now.textContent !== here.textContent) here.replaceWith(document.adoptNode(now));
  } catch { /* the next look may succeed */ }
  setTimeout(look, 1500);
};
setTimeout(look, 800);
