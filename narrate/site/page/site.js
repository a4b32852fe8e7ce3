// What a site of recordings adds to the player: addresses of steps in each
// language, the choice among recordings of a lesson, and the lines with which
// others embed it.
import { html, useState } from './vendor/preact.js';
import { Copy } from './step.js';
import words from './shared.js';

export { words };

// The page's own address changes with the step, so what is relative to it is
// resolved once, now.
const told = JSON.parse(document.getElementById('site').textContent);
const resolve = path => new URL(path, location.href).href;
const lessons = Object.fromEntries(Object.entries(told.lessons).map(([language, path]) => [language, resolve(path)]));
const recordings = told.recordings.map(r => ({ ...r, file: resolve(r.file) }));
const [embedPage, embedScript] = [resolve(told.embed), resolve(told.script)];
for (const link of document.querySelectorAll('link[rel=icon]')) link.href = `${link.href}`;
const embedded = document.documentElement.dataset.embed !== undefined;

const hash = new URLSearchParams(location.hash.slice(1));
const chosen = recordings.find(r => r.name === new URLSearchParams(location.search).get('recording')) ?? recordings[0];

export const step = told.step;
export const language = embedded ? hash.get('language') : told.language;
export const theme = embedded ? hash.get('theme') ?? '' : null;
export const recording = chosen.file;

const lesson = of => lessons[of] ?? Object.values(lessons)[0];

// whole is the step's address on the site. A step of a recording that is not the
// pages' own has no page, but the lesson's.
export function whole(n, of, name = chosen.name) {
  const at = new URL(lesson(of));
  if (name !== recordings[0].name) {
    at.search = new URLSearchParams({ recording: name });
    at.hash = `step=${n}`;
  } else if (n !== told.first) at.pathname += `${n}/`;
  return at.href;
}

// address is what the reader's browser shows of the step.
export function address(n, of) {
  if (!embedded) return whole(n, of);
  hash.set('step', n);
  return `${location.pathname}${location.search}#${hash}`;
}

export const where = (r, say) => `${say(r.rootless ? 'an ordinary user' : 'root')} · cgroup ${r.cgroup} · Linux ${r.kernel} · ${r.made}`;

export function Tools({ step: shown, language: of, say, Dialog }) {
  const [open, setOpen] = useState(false);
  if (embedded) return null;
  return html`
    ${recordings.length > 1 && html`<select class="recordings" aria-label=${say('Recording')} value=${chosen.name} onChange=${e => location.assign(whole(shown.n, of, e.target.value))}>
      ${recordings.map(r => html`<option value=${r.name}>${where(r, say)}</option>`)}</select>
      <a class="button" href=${`${lesson(of)}compare/#step=${shown.n}`}>${say('Compare')}</a>`}
    <button class="embed" onClick=${() => setOpen(true)} aria-expanded=${open}>${say('Embed')}</button>
    ${open && html`<${Dialog} title=${say('Embed this step')} close=${() => setOpen(false)} say=${say}><${Lines} n=${shown.n} language=${of} say=${say} /><//>`}`;
}

const quoted = text => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

function Lines({ n, language: of, say }) {
  const other = of !== Object.keys(lessons)[0] && lessons[of];
  const frame = new URLSearchParams({ step: n, ...(other ? { language: of } : {}) });
  const script = `<script src="${quoted(embedScript)}" data-lesson="${quoted(told.lesson)}" data-step="${n}"${other ? ` data-language="${of}"` : ''}></script>`;
  const iframe = `<iframe src="${quoted(embedPage)}#${frame}" title="${quoted(told.title)}" loading="lazy" width="100%" height="720" style="border: 0"></iframe>`;
  return html`<div class="codes"><h3>${say('As a script, which fits its height')} <${Copy} text=${script} say=${say} /></h3><pre><code>${script}</code></pre>
    <h3>${say('As a frame')} <${Copy} text=${iframe} say=${say} /></h3><pre><code>${iframe}</code></pre></div>`;
}

// An embedded player tells the page around it how high it is, and nothing else.
if (embedded && parent !== window) {
  new ResizeObserver(() => {
    if (!document.querySelector('#app main')) return; // nothing is shown yet
    parent.postMessage({ learndocker: { height: Math.ceil(document.body.getBoundingClientRect().height) } }, '*');
  }).observe(document.body);
}
