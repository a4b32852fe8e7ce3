// What is said and shown of one step: prose, claims, question, panels, the
// client's terminal, and what was picked in the picture. Whatever a container, an
// image or a lesson wrote is text here, never markup: nodes are made, no HTML is
// parsed.
import { html, useState, useRef, useEffect } from './vendor/preact.js';
import { lexer } from './vendor/marked.js';
import { base, short, size } from './scene.js';

const safeLink = href => (/^https?:\/\//i.test(href) ? href : null);

// nodes turns Markdown's tokens into elements.
function nodes(tokens) {
  return (tokens ?? []).map(t => {
    switch (t.type) {
      case 'paragraph': return html`<p>${nodes(t.tokens)}</p>`;
      case 'heading': return html`<h4>${nodes(t.tokens)}</h4>`;
      case 'strong': return html`<strong>${nodes(t.tokens)}</strong>`;
      case 'em': return html`<em>${nodes(t.tokens)}</em>`;
      case 'del': return html`<del>${nodes(t.tokens)}</del>`;
      case 'codespan': return html`<code>${plain(t.text)}</code>`;
      case 'code': return html`<pre><code>${t.text}</code></pre>`;
      case 'br': return html`<br />`;
      case 'hr': return html`<hr />`;
      case 'blockquote': return html`<blockquote>${nodes(t.tokens)}</blockquote>`;
      case 'list': return t.ordered ? html`<ol>${t.items.map(i => html`<li>${nodes(i.tokens)}</li>`)}</ol>` : html`<ul>${t.items.map(i => html`<li>${nodes(i.tokens)}</li>`)}</ul>`;
      case 'link': return safeLink(t.href) ? html`<a href=${t.href} rel="noopener noreferrer" target="_blank">${nodes(t.tokens)}</a>` : html`<span>${nodes(t.tokens)}</span>`;
      case 'text': return t.tokens ? nodes(t.tokens) : plain(t.text);
      case 'space': return null;
      case 'table': return html`<table><thead><tr>${t.header.map(c => html`<th>${nodes(c.tokens)}</th>`)}</tr></thead><tbody>${t.rows.map(r => html`<tr>${r.map(c => html`<td>${nodes(c.tokens)}</td>`)}</tr>`)}</tbody></table>`;
      default: return plain(t.raw ?? '');
    }
  });
}

// plain undoes the entities that the lexer writes for those who want HTML.
function plain(text) {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name]);
}

export function Markdown({ text, inline }) {
  const tokens = lexer(text ?? '');
  return inline ? html`<span>${tokens.map(t => nodes(t.tokens ?? [t]))}</span>` : html`<div class="prose">${nodes(tokens)}</div>`;
}

export function Copy({ text, say }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    setDone(true);
    setTimeout(() => setDone(false), 1200);
  };
  return html`<button class="copy" title=${say('copy')} aria-label=${`${say('copy')}: ${text}`} onClick=${copy}>${done ? '✓' : html`<svg viewBox="0 0 16 16" width="13" height="13" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6"><rect x="5.5" y="5.5" width="9" height="9" rx="1.5" /><path d="M10.5,3V2.5a1,1 0 0 0-1-1h-7a1,1 0 0 0-1,1v7a1,1 0 0 0 1,1H3" /></svg>`}</button>`;
}

export function Claims({ step, say }) {
  const failed = step.failed ?? [];
  if (!step.claims?.length && !failed.length) return null;
  return html`<ul class="claims">
    ${(step.claims ?? []).map(c => html`<li class=${c.holds ? 'so' : 'not'}><span class="mark" aria-label=${say(c.holds ? 'checked: so' : 'checked: not so')}>${c.holds ? '✓' : '✗'}</span> ${!c.holds && html`<b>${say('not so on this machine')}: </b>`}<${Markdown} inline text=${c.say} /></li>`)}
    ${failed.map(f => html`<li class="not"><span class="mark">✗</span> ${f}</li>`)}
  </ul>`;
}

// Question asks before the reveal. votes, where there are any, are bars.
export function Question({ question, answer, open, votes, onAnswer, say }) {
  const all = Object.values(votes ?? {}).reduce((a, b) => a + b, 0);
  return html`<section class="question" aria-label=${say('question')}>
    <h3><span aria-hidden="true">? </span>${question.question}</h3>
    <div class="choices">${question.choices.map((c, i) => html`<button key=${c.key} class=${answer === c.key ? 'chosen' : ''} aria-pressed=${answer === c.key} disabled=${!open} onClick=${() => onAnswer(c.key)}>
      <kbd>${i + 1}</kbd> ${c.text}
      ${all > 0 && html`<span class="votes"><meter class="bar" min="0" max=${all} value=${votes[c.key] ?? 0}></meter> ${votes[c.key] ?? 0}</span>`}
    </button>`)}</div>
  </section>`;
}

export function Outcome({ outcome, answer, votes, say }) {
  const text = key => outcome.question.choices.find(c => c.key === key)?.text ?? key;
  const right = answer === outcome.measured;
  const all = Object.values(votes ?? {}).reduce((a, b) => a + b, 0);
  return html`<section class=${`outcome ${answer ? (right ? 'right' : 'wrong') : ''}`}>
    <p><b>${say('measured')}: ${text(outcome.measured)}</b>${answer && (right ? ` — ${say('as you said')}` : ` — ${say('you said')}: ${text(answer)}`)}</p>
    ${all > 0 && html`<p class="small">${say('the class')}: ${votes[outcome.measured] ?? 0} / ${all}</p>`}
    <${Markdown} text=${outcome.why} />
  </section>`;
}

// Brief shortens long ids and the daemon's directory, as the terminal does.
const brief = (step, text) => {
  if (step.dataRoot) text = text.split(step.dataRoot).join('…');
  return text.replace(/[0-9a-f]{32,64}/g, id => `${id.slice(0, 12)}…`);
};

export function Panel({ step, panel, whole, say }) {
  if (panel.kind === 'acts') return html`<${Acts} step=${step} panel=${panel} whole=${whole} say=${say} />`;
  const limit = whole ? Infinity : 14;
  const head = (panel.head ?? []).some(Boolean) ? panel.head : null;
  const left = (panel.rows.length > limit ? panel.rows.length - limit : 0) + (panel.more ?? 0);
  return html`<div class=${`panel k-${panel.kind}`}>
    <h3>${say(brief(step, panel.title))}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${say(panel.title)}>
      ${panel.kind === 'wire' ? html`<pre>${panel.rows.map(r => html`<span class=${r.changed ? 'changed' : ''}>${brief(step, r.cells[0])}${'\n'}</span>`)}</pre>`
    : html`<table>${head && html`<thead><tr>${head.map(c => html`<th scope="col">${say(c)}</th>`)}</tr></thead>`}
      <tbody>${panel.rows.slice(0, limit).map(r => html`<tr class=${r.changed ? 'changed' : ''}>${r.cells.map((c, i) => html`<td title=${c}>${i === 0 || c.length < 24 ? say(brief(step, c)) : brief(step, c)}</td>`)}</tr>`)}</tbody></table>`}
    </div>
    ${left > 0 && html`<p class="small faint">${say('… and %d more').replace('%d', left)}</p>`}
  </div>`;
}

function Acts({ step, panel, whole, say }) {
  const limit = whole ? Infinity : 10;
  const rows = panel.rows.slice(0, limit);
  const left = panel.rows.length - rows.length + (panel.more ?? 0);
  return html`<div class="panel k-acts"><h3>${say(panel.title)}</h3>
    <ol class="acts">${rows.map(r => html`<li><code class="call" title=${r.cells[0]}>${brief(step, r.cells[0])}</code>
      ${r.cells[1] && html`<span class="hand"><code>${brief(step, r.cells[1])}</code> <${Copy} text=${r.cells[1]} say=${say} /></span>`}</li>`)}</ol>
    ${left > 0 && html`<p class="small faint">${say('… and %d more').replace('%d', left)}</p>`}
  </div>`;
}

export function Tries({ step, say }) {
  if (!step.try?.length) return null;
  return html`<div class="panel tries"><h3>${say('Try it in a second terminal')}</h3><ul>
    ${step.try.map(t => html`<li><code>${t.run}</code> <${Copy} text=${t.run} say=${say} /><br /><span class="small faint">${t.why}</span></li>`)}</ul></div>`;
}

// Terminal is the client's: its commands and what it has written so far. What is
// typed there reaches it.
export function Terminal({ lines, types, onType, say }) {
  const end = useRef(null);
  useEffect(() => { if (end.current) end.current.scrollTop = end.current.scrollHeight; }, [lines.length]);
  const [text, setText] = useState('');
  const submit = event => {
    event.preventDefault();
    onType(`${text}\n`);
    setText('');
  };
  return html`<section class="terminal" aria-label=${say("the client's terminal")}>
    <pre ref=${end} tabindex="0">${lines.map(l => html`<span class=${l.stream}>${l.stream === 'command' ? `$ ${l.text}` : l.text}${'\n'}</span>`)}${lines.length === 0 ? html`<span class="faint">$ </span>` : null}</pre>
    ${types && html`<form onSubmit=${submit}><label><span class="small faint">stdin</span> <input placeholder=${say('type to the client; ^D ends its input')} value=${text} onInput=${e => setText(e.target.value)} onKeyDown=${e => { if (e.key === 'd' && e.ctrlKey) { e.preventDefault(); onType('', true); } }} autocomplete="off" spellcheck="false" aria-label=${say('type to the client; ^D ends its input')} /></label></form>`}
  </section>`;
}

function Rows({ rows }) {
  return html`<table><tbody>${rows.filter(([, v]) => v !== undefined && v !== '').map(([k, v]) => html`<tr><th scope="row">${k}</th><td>${v}</td></tr>`)}</tbody></table>`;
}

// ReadAt says of what was read earlier when that was.
function ReadAt({ n, step, say }) {
  return n === undefined || n === step.n ? null : html`<p class="small faint">${say('as read at step')} ${n}</p>`;
}

// details say what is in what was picked, read from the scene and the step.
const details = {
  namespace(id, scene, step, say) {
    const [container, type] = id.split(' ');
    const n = scene.containers.get(container)?.own.find(o => o.type === type);
    if (!n) return null;
    const members = n.members ?? [];
    return [`${type} namespace`, html`<${Rows} rows=${[[say('inode'), String(n.inode)], [say('host'), String(n.host)], [say('members'), members.map(m => `${m.pid} ${m.name}`).join(', ') || say('none any more')]]} />
      <p class="small"><code>ls -l /proc/${scene.containers.get(container).pid}/ns/${type}</code></p>`];
  },
  layer(id, scene, step, say) {
    const l = scene.layers.get(id);
    if (!l) return null;
    const sign = { whiteout: '−', deleted: '−', opaque: '∅', changed: '±', added: '+' };
    return [`${say('layer')} ${short(l.digest ?? base(id))}`, html`<${Rows} rows=${[['digest', l.digest], ['diffID', l.diffID], [say('size'), size(l.size)], [say('directory'), brief(step, id)]]} />
      <ul class="files">${(l.files ?? []).map(f => html`<li class=${f.change ?? f.type}><b>${sign[f.change ?? f.type] ?? '+'}</b> <code>${f.name}</code> <span class="faint">${f.type} ${f.mode ?? ''} ${f.size ? size(f.size) : ''}</span></li>`)}</ul>
      ${!l.files?.length && html`<p class="small faint">${say('its files were not looked at in this session')}</p>`}`];
  },
  image(id, scene, step, say) {
    const i = scene.images.get(id);
    return i && [i.name, html`<${Rows} rows=${[['ID', i.id], [say('files in the store'), (step.probe?.store ?? []).map(f => `${brief(step, f.path)} (${size(f.size)})`).join('\n')]]} />`];
  },
  overlay(id, scene, step) {
    const o = scene.containers.get(id)?.overlay;
    return o && ['/', html`<${Rows} rows=${[['driver', o.driver], ...o.lower.map((l, i) => [`lower ${i + 1}`, brief(step, l)]), ['upper', brief(step, o.upper)], ['merged', brief(step, o.merged)], ['options', o.options && brief(step, o.options)], ['written', (scene.containers.get(id).written ?? []).join('\n')]]} />`];
  },
  cgroup(id, scene, step, say) {
    const c = scene.containers.get(id);
    return c?.cgroup && [`cgroup ${c.cgroup.version}`, html`${c.cgroup.refused && html`<p><b>${say('not done here')}:</b> ${c.cgroup.refused}</p>`}
      <${ReadAt} n=${c.filesAt} step=${step} say=${say} />
      <${Rows} rows=${(c.files ?? []).map(f => [brief(step, f.path.split('/').slice(-3).join('/')), f.value === '' ? say('(empty)') : /^(9223372036854771712|max|-1)$/.test(f.value) ? `${f.value} (${say('no limit')})` : f.value])} />`];
  },
  process(id, scene, step, say) {
    const c = scene.containers.get(id);
    return c && [`/proc/${c.pid}/status`, html`<${ReadAt} n=${c.statusAt} step=${step} say=${say} /><${Rows} rows=${Object.entries(c.status ?? {})} />`];
  },
  request(id, scene, step, say) {
    const f = step.point?.fact;
    if (!f?.method) return [say('the API socket'), html`<p class="faint">${say('nothing passes here at this step')}</p>`];
    return [f.status ? `HTTP ${f.status}` : `${f.method} ${f.path}`, html`<${Rows} rows=${Object.entries(f.headers ?? {})} /><pre>${pretty(f.body)}</pre>`];
  },
};

function pretty(body) {
  try { return JSON.stringify(JSON.parse(body), null, 1); } catch { return body ?? ''; }
}

export function Detail({ picked, scene, step, say, close }) {
  const found = picked && details[picked.kind]?.(picked.id, scene, step, say);
  if (!found) return null;
  const [title, body] = found;
  return html`<aside class="detail" aria-label=${title} aria-live="polite"><button class="close" onClick=${close} aria-label=${say('close')}>×</button><h3>${title}</h3><div class="scroll" tabindex="0">${body}</div></aside>`;
}
