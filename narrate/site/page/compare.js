// Two recordings of a lesson beside each other: step by step, matched by what the
// engine was doing, with what differs marked.
import { html, render, useState, useEffect, useMemo, useRef } from './vendor/preact.js';
import { fold, describe } from './scene.js';
import { Picture } from './picture.js';
import { Markdown } from './step.js';
import { recording, bytes } from './transport.js';
import { speaker, localize } from './words.js';
import { compare, normal } from './differ.js';
import words from './shared.js';

const told = JSON.parse(document.getElementById('site').textContent);
const language = told.language;
const say = speaker(language, words);
const known = told.recordings.map(r => ({ ...r, file: new URL(r.file, location.href).href }));
const where = r => `${say(r.rootless ? 'an ordinary user' : 'root')} · cgroup ${r.cgroup} · Linux ${r.kernel}`;

// load reads a whole recording.
async function load(transport) {
  const found = { steps: [] };
  await transport.open(message => {
    if (message.refused) throw new Error(message.refused);
    if (message.header) found.header = message.header;
    if (message.step) found.steps.push(message.step);
  });
  if (found.header?.lesson !== told.lesson || !found.steps.length) throw new Error(say('this is no recording of the same lesson'));
  const h = found.header;
  return { ...found, ...normal(found.steps), made: { rootless: h.rootless, cgroup: h.machine?.cgroup, kernel: h.machine?.kernel, made: String(h.made).slice(0, 10) } };
}

function useRecording(choice, own, fail) {
  const [loaded, set] = useState(null);
  useEffect(() => {
    let wanted = true;
    const source = choice === 'own' ? own && bytes(own.stream()) : recording(known.find(r => r.name === choice)?.file);
    if (source) load(source).then(r => wanted && (fail(''), set(r)), e => wanted && fail(e.message));
    return () => { wanted = false; };
  }, [choice, own]);
  return loaded;
}

const hash = new URLSearchParams(location.hash.slice(1));
const query = new URLSearchParams(location.search);
const pickOf = (name, fallback) => (known.some(r => r.name === query.get(name)) ? query.get(name) : fallback.name);

function App() {
  const [a, setA] = useState(pickOf('a', known[0]));
  const [b, setB] = useState(pickOf('b', known[1]));
  const [own, setOwn] = useState(null);
  const [error, setError] = useState('');
  const [at, setAt] = useState(hash.has('step') ? Number(hash.get('step')) : null);
  const [side, setSide] = useState('a'); // on a narrow page, which has room for one
  const [pictures, setPictures] = useState(false);
  const [all, setAll] = useState(false);
  const left = useRecording(a, own, setError);
  const right = useRecording(b, own, setError);
  const pairs = useMemo(() => (left && right ? compare(left, right) : []), [left, right]);
  const first = pairs.findIndex(p => p.differs.count > 0);
  const index = at === null ? Math.max(first, 0) : Math.max(0, pairs.findIndex(p => (p.left ?? p.right)?.n === at));
  const pair = pairs[index];
  const go = i => {
    const to = pairs[Math.max(0, Math.min(i, pairs.length - 1))];
    if (to) setAt((to.left ?? to.right).n);
  };
  useEffect(() => {
    if (pair) history.replaceState(null, '', `${location.pathname}?${new URLSearchParams({ a, b })}#step=${(pair.left ?? pair.right).n}`);
  }, [pair, a, b]);
  useEffect(() => {
    const on = event => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
      const to = { n: index + 1, ArrowRight: index + 1, b: index - 1, ArrowLeft: index - 1, Home: 0, End: pairs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      go(to);
    };
    addEventListener('keydown', on);
    return () => removeEventListener('keydown', on);
  });
  const choose = (value, set, label) => html`<select aria-label=${`${say('Recording')} ${label}`} value=${value} onChange=${e => set(e.target.value)}>
    ${known.map(r => html`<option value=${r.name}>${where(r)} · ${r.made}</option>`)}${own && html`<option value="own">${own.name}</option>`}</select>`;
  const differing = pairs.filter(p => p.differs.count > 0).length;
  return html`<main class="compare" data-side=${side}>
    <div class="choice">
      <div class="one a"><b>A</b> ${choose(a, setA, 'A')}</div><div class="one b"><b>B</b> ${choose(b, setB, 'B')}</div>
      <label class="own">${say('A recording of your own')} <input type="file" accept=".jsonl" onChange=${e => { if (e.target.files[0]) { setOwn(e.target.files[0]); setB('own'); } }} /></label>
    </div>
    ${error && html`<p class="banner bad" role="alert">${error}</p>`}
    ${!pair && !error && html`<p class="wait">…</p>`}
    ${pair && html`
      <p class="faint small">${differing} / ${pairs.length} ${say('steps differ')}. ${say('Values that differ from run to run (process ids, inodes, names) count as the same.')}</p>
      <div class="controls">
        <button onClick=${() => setAll(!all)} aria-pressed=${!all}>${say('Only differences')}</button>
        <button onClick=${() => setPictures(!pictures)} aria-pressed=${pictures}>${say('Pictures')}</button>
        <span class="sides" role="group">${['a', 'b'].map(s => html`<button aria-pressed=${side === s} onClick=${() => setSide(s)}>${s.toUpperCase()}</button>`)}</span>
      </div>
      <${Steps} pairs=${pairs} index=${index} go=${go} />
      <${Pair} pair=${pair} left=${left} right=${right} all=${all} pictures=${pictures} />`}
  </main>`;
}

function Steps({ pairs, index, go }) {
  const here = useRef(null);
  useEffect(() => { here.current?.scrollIntoView({ block: 'nearest', inline: 'center' }); }, [index]);
  return html`<nav class="steps" aria-label=${say('timeline')}><ol>${pairs.map((p, i) => {
    const step = localize(p.left ?? p.right, language);
    return html`<li><button ref=${i === index ? here : null} class=${`${i === index ? 'here' : ''} ${p.differs.count ? 'differs' : ''} ${p.left && p.right ? '' : 'single'}`} aria-current=${i === index ? 'step' : undefined} onClick=${() => go(i)}>
      <span class="n">${step.kind === 'stop' ? step.n : '·'}</span> <span><${Markdown} inline text=${step.title} /></span>
      ${p.differs.count > 0 && html`<b class="count" title=${say('differences')} aria-label=${`${p.differs.count} ${say('differences')}`}>${p.differs.count}</b>`}</button></li>`;
  })}</ol></nav>`;
}

function Pair({ pair, left, right, all, pictures }) {
  const shown = localize(pair.left ?? pair.right, language);
  const { panels } = pair.differs;
  const kinds = panels.filter(p => all || p.fresh);
  const names = list => list.map(p => html`<code>${p.kind}</code> `);
  const [lasting, same] = [panels.filter(p => p.differs && !p.fresh), panels.filter(p => !p.differs)];
  return html`<section class="pair">
    <p class="where">${shown.kind === 'stop' ? `${say('Step')} ${shown.n}` : say(shown.kind === 'intro' ? 'introduction' : 'the end')} <code>${shown.point?.stage}</code></p>
    <h1><${Markdown} inline text=${shown.title} /></h1>
    <div class="two">${[['a', left, pair.left], ['b', right, pair.right]].map(([name, from, step]) => html`<div class=${`side ${name}`}>
      <h2>${name.toUpperCase()} <span class="faint">${where(from.made)}</span></h2>
      ${!step ? html`<p class="faint">${say('not in this recording')}</p>` : html`
        ${pictures && html`<${Both} from=${from} step=${step} />`}
        <${Said} claims=${pair.differs.claims[name]} step=${step} said=${localize(step, language).claims} all=${all} />
        ${kinds.map(k => html`<${Rows} table=${k[name]} title=${k.title} all=${all} step=${step} />`)}`}
    </div>`)}</div>
    ${pair.differs.count === 0 && !all && html`<p class="none">${say('no difference')}</p>`}
    ${!all && lasting.length > 0 && html`<p class="small faint">${say('different, as before')}: ${names(lasting)}</p>`}
    ${!all && same.length > 0 && html`<p class="small faint">${say('the same')}: ${names(same)}</p>`}
  </section>`;
}

function Both({ from, step }) {
  const scene = fold(from.steps, from.steps.indexOf(step));
  return html`<${Picture} scene=${scene} size="medium" still=${true} say=${say} pick=${() => {}} picked=${null} label=${describe(scene, say)} />`;
}

function Said({ claims, said, all, step }) {
  const list = claims.map((c, i) => ({ ...c, say: said[i].say })).filter(c => all || c.differs);
  return list.length > 0 && html`<ul class="claims">${list.map(c => html`<li class=${`${c.holds ? 'so' : 'not'} ${c.differs ? 'fresh' : ''}`}>
    <span class="mark" role="img" aria-label=${say(c.holds ? 'checked: so' : 'checked: not so')}>${c.holds ? '✓' : '✗'}</span> <${Markdown} inline text=${brief(step, c.say)} /></li>`)}</ul>`;
}

// brief shortens what is long and says little, as the player does.
const brief = (step, text) => (step.dataRoot ? text.split(step.dataRoot).join('…') : text).replace(/[0-9a-f]{32,64}/g, id => `${id.slice(0, 12)}…`);

const most = 24; // rows of a panel, where only differences are shown

function Rows({ table, title, all, step }) {
  if (!table) return html`<div class="panel"><h3>${say(title)}</h3><p class="small faint">${say('not in this recording')}</p></div>`;
  const rows = all ? table.rows : table.rows.filter(r => r.fresh);
  const same = table.rows.filter(r => !r.differs).length;
  const shown = all ? rows : rows.slice(0, most);
  const left = rows.length - shown.length + (table.more ?? 0);
  return html`<div class="panel"><h3>${say(brief(step, table.title))}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${say(table.title)}><table><tbody>${shown.map(r => html`<tr class=${r.differs ? 'changed' : ''}>${r.cells.map(c => html`<td title=${c}>${say(brief(step, c))}</td>`)}</tr>`)}</tbody></table></div>
    ${left > 0 && html`<p class="small faint">${say('… and %d more').replace('%d', left)}</p>`}
    ${!all && same > 0 && html`<p class="small faint">${same} ${say(same === 1 ? 'row is the same' : 'rows are the same')}</p>`}</div>`;
}

render(html`<${App} />`, document.getElementById('compare'));
