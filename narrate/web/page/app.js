// The page: one session, its picture, its words, its controls.
import { html, render, useState, useEffect, useMemo, useRef } from './vendor/preact.js';
import { fold, describe } from './scene.js';
import { Picture } from './picture.js';
import { Markdown, Claims, Question, Outcome, Panel, Tries, Terminal, Detail } from './step.js';
import { live, recording } from './transport.js';
import { speaker, localize, nameOf, choose } from './words.js';

// What the page is part of: a recording and its look, on a site of lessons. Site
// is what that site adds: addresses of steps, the choice of a recording.
const { recording: source, home, site: module } = document.documentElement.dataset;
const embedded = document.documentElement.dataset.embed !== undefined;
const site = module ? await import(module) : null;

// What the address says. The token is taken out of it, lest it be projected.
const hash = new URLSearchParams(location.hash.slice(1));
const query = new URLSearchParams(location.search);
const notes = query.has('notes');
if (!source && hash.get('token')) sessionStorage.setItem('token', hash.get('token'));
const token = source ? null : sessionStorage.getItem('token');
const stepIn = parameters => (parameters.has('step') ? Number(parameters.get('step')) : null);

// store keeps what the reader has chosen. In somebody else's page nothing is kept.
const store = (name, value) => {
  if (embedded) return null;
  try {
    if (value === undefined) return localStorage.getItem(`learndocker.${name}`);
    localStorage.setItem(`learndocker.${name}`, value);
  } catch { /* a browser that keeps nothing */ }
  return null;
};
const voter = store('voter') ?? [...crypto.getRandomValues(new Uint8Array(12))].map(b => b.toString(16).padStart(2, '0')).join('');
store('voter', voter);

const transport = source ? recording(site?.recording ?? source) : live(token, voter);
const brand = home ? new URL(home, location.href).href : '#'; // now: the page's own address changes with the step

// Session is what has come over the transport so far.
function useSession() {
  const [session, set] = useState({ steps: [], state: { cursor: -1 } });
  useEffect(() => {
    let steps = [];
    let waiting = null;
    let next = {};
    const receive = message => {
      if (message.step) steps = [...steps, message.step];
      else next = { ...next, ...(message.header ? { header: message.header, role: message.role, replay: message.replay, types: message.types, words: message.words, language: message.language, join: message.join } : {}), ...(message.state ? { state: message.state } : {}), ...(message.refused ? { refused: message.refused } : {}) };
      next.lost = Boolean(message.lost);
      waiting ??= requestAnimationFrame(() => {
        waiting = null;
        set(old => ({ ...old, ...next, steps }));
      });
    };
    transport.open(receive).catch(error => receive({ refused: String(error) }));
  }, []);
  return session;
}

const media = text => matchMedia(text).matches;

const narrowest = embedded ? '(max-width: 520px)' : '(max-width: 720px)';

function useNarrow() {
  const [narrow, set] = useState(media(narrowest));
  useEffect(() => {
    const m = matchMedia(narrowest);
    const on = () => set(m.matches);
    m.addEventListener('change', on);
    return () => m.removeEventListener('change', on);
  }, []);
  return narrow;
}

// where is which step is looked at, and who decides.
function useWhere(session) {
  const [own, setOwn] = useState(null); // null: with the teacher
  const [asked, ask] = useState(stepIn(hash) ?? site?.step ?? null); // by the address, until it is shown
  const leads = transport.leads && !transport.local;
  const last = session.steps.length - 1;
  const wish = asked !== null ? session.steps.findIndex(s => s.n === asked) : -1;
  useEffect(() => {
    if (wish >= 0 && leads) transport.send({ do: 'goto', step: wish }).catch(() => {});
    else if (wish >= 0) setOwn(!transport.local && wish === session.state.cursor ? null : wish);
    if (wish >= 0 || session.state.ended) ask(null);
  }, [wish, session.state.ended]);
  useEffect(() => {
    const on = () => ask(stepIn(new URLSearchParams(location.hash.slice(1))));
    addEventListener('hashchange', on);
    return () => removeEventListener('hashchange', on);
  }, []);
  const teacher = transport.local ? (own ?? 0) : session.state.cursor;
  const index = Math.min(leads ? teacher : (own ?? teacher), last);
  return { index, last, leads, following: !leads && !transport.local && own === null, settled: asked === null, setOwn, teacher };
}

function App() {
  const session = useSession();
  const narrow = useNarrow();
  const { index, last, leads, following, settled, setOwn, teacher } = useWhere(session);
  const have = session.header?.languages?.length ? session.header.languages : ['en'];
  const [wanted, setLanguage] = useState(site?.language ?? store('language'));
  const language = choose(have, [wanted, session.language, ...navigator.languages].filter(Boolean));
  const say = useMemo(() => speaker(language, session.words ?? site?.words), [language, session.words]);
  const [theme, setTheme] = useState(site?.theme ?? store('theme') ?? '');
  const [presenter, setPresenter] = useState(false);
  const [picked, pick] = useState(null);
  const [whole, setWhole] = useState(false);
  const [more, setMore] = useState(false);
  const [open, setOpen] = useState(''); // "help", "join"
  const [playing, setPlaying] = useState(false);
  const [answers, setAnswers] = useState(() => JSON.parse(store('answers') ?? '{}'));
  const [error, setError] = useState('');

  const raw = session.steps[index];
  const step = useMemo(() => localize(raw, language), [raw, language]);
  const scene = useMemo(() => (index >= 0 ? fold(session.steps, index) : null), [session.steps, index]);

  const send = wish => transport.send(wish).then(() => setError(''), e => setError(e.message));
  // Two keys may be pressed before the first has been answered.
  const shown = useRef(index);
  shown.current = index;
  const goTo = i => {
    const to = Math.max(0, Math.min(i, last));
    shown.current = to;
    if (leads) send({ do: 'goto', step: to });
    else setOwn(!transport.local && to === teacher ? null : to);
  };
  const next = () => {
    if (shown.current < last) goTo(shown.current + 1);
    else if (leads && !session.state.ended) send({ do: 'next', step: last });
  };
  const back = () => goTo(shown.current - 1);
  const mine = `${session.header?.lesson}.${raw?.question?.id || raw?.n}`;
  const answer = key => {
    const kept = { ...answers, [mine]: key };
    setAnswers(kept);
    store('answers', JSON.stringify(kept));
    if (leads) send({ do: 'answer', key });
    else if (!transport.local) send({ do: 'vote', step: index, key });
  };
  const answered = question => answers[`${session.header?.lesson}.${question?.id}`] ?? '';

  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dataset.theme = theme;
    document.body.classList.toggle('presenter', presenter);
    document.title = step ? `${step.n ? `${step.n}. ` : ''}${step.title.replaceAll('`', '')} · learndocker` : 'learndocker';
  }, [language, theme, presenter, step]);
  useEffect(() => {
    pick(null);
    setMore(false);
  }, [raw]);
  useEffect(() => {
    // Until the step that the address asks for has come: loading the page again
    // must not forget it.
    if (!raw || notes || !settled) return;
    // Whoever follows goes on following when the page is loaded again.
    history.replaceState(null, '', site ? site.address(raw.n, language) : `${location.pathname}${location.search}${following ? '' : `#step=${raw.n}`}`);
    document.getElementById('text')?.remove(); // the step as the file itself has it, for those without JavaScript
  }, [raw, language, following, settled]);
  useEffect(() => {
    if (!playing) return undefined;
    if (index >= last && (!leads || session.state.ended)) { setPlaying(false); return undefined; }
    const timer = setTimeout(next, 6000);
    return () => clearTimeout(timer);
  }, [playing, index, last]);

  const keys = {
    n: next, ' ': next, ArrowRight: next, Enter: next, b: back, ArrowLeft: back, f: () => goTo(shown.current + 1), Home: () => goTo(0), End: () => goTo(last),
    l: () => setWhole(!whole), d: () => setMore(!more), a: () => setPlaying(!playing), t: () => turnTheme(theme, setTheme), g: () => turnLanguage(have, language, setLanguage),
    p: () => present(presenter, setPresenter), j: () => session.join && setOpen(open === 'join' ? '' : 'join'), '?': () => setOpen(open === 'help' ? '' : 'help'),
    Escape: () => { setOpen(''); pick(null); },
  };
  const pressed = useRef(null);
  pressed.current = event => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if ((event.key === ' ' || event.key === 'Enter') && event.target.closest('button, [role=button], a')) return;
    if (/^Arrow/.test(event.key) && event.target.closest('.scroll, pre')) return;
    const choice = raw?.question?.choices[Number(event.key) - 1];
    if (choice && index === last) { event.preventDefault(); answer(choice.key); return; }
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  };
  useEffect(() => {
    const on = event => pressed.current(event);
    addEventListener('keydown', on);
    return () => removeEventListener('keydown', on);
  }, []);

  if (session.refused) return html`<main class="wait" role="alert"><h1>learndocker</h1><p>${session.refused}</p></main>`;
  // A recording is here whole in a moment; the class goes on while one waits.
  if (!step || (transport.local && !settled)) return html`<p class="wait" aria-live="polite">${session.lost ? say('connection lost, trying again') : say('waiting for the engine')} …</p>`;
  if (notes) return html`<${Notes} step=${step} session=${session} index=${index} say=${say} language=${language} />`;
  const still = media('(prefers-reduced-motion: reduce)');
  const heading = step.kind === 'stop' ? `${say('Step')} ${step.n}${step.of ? ` ${say('of')} ${step.of}` : ''}` : say(step.kind === 'intro' ? 'introduction' : 'the end');
  const open2 = index === last && !session.state.ended && !(transport.local);
  const canAnswer = transport.local ? !answered(raw.question) : open2;
  const tallies = session.state.votes ?? {};
  const panels = (step.panels ?? []).filter(p => whole || (step.show ?? []).includes(p.kind));

  return html`
    <header class="top">
      <a class="brand" href=${brand}>learndocker</a>
      <span class="lesson"><${Markdown} inline text=${session.header?.titles?.[language] ?? session.header?.title ?? ''} /></span>
      <${Badge} session=${session} say=${say} />
      <span class="tools">
        ${site && html`<${site.Tools} step=${step} language=${language} say=${say} Dialog=${Dialog} />`}
        ${session.join && html`<button onClick=${keys.j} aria-expanded=${open === 'join'}>${say('Join')} · ${session.state.followers ?? 0}</button>`}
        ${have.length > 1 && html`<select aria-label=${say('Language')} value=${language} onChange=${e => { setLanguage(e.target.value); store('language', e.target.value); }}>${have.map(l => html`<option value=${l}>${nameOf(l)}</option>`)}</select>`}
        <button onClick=${keys.t} title=${say('light and dark')} aria-label=${say('Theme')}>◐</button>
        ${!embedded && html`<button onClick=${keys.p} aria-pressed=${presenter}>${say('Presenter')}</button>`}
        <button onClick=${keys['?']} aria-label=${say('Help')} aria-expanded=${open === 'help'}>?</button>
      </span>
    </header>
    ${session.lost && html`<p class="banner bad" role="status">${say('connection lost, trying again')} …</p>`}
    ${session.state.over && html`<p class="banner" role="status">${say('the session is over')}</p>`}
    ${!following && !leads && !transport.local && html`<p class="banner"><button onClick=${() => setOwn(null)}>${say('Back to the teacher')}</button> ${say('the teacher is at step')} ${session.steps[teacher]?.n ?? 0}</p>`}
    ${(error || session.state.error) && html`<p class="banner bad" role="alert">${error || session.state.error}</p>`}
    <main>
      <section class="stage" aria-label=${say('picture')}>
        <${Picture} scene=${scene} narrow=${narrow} size=${embedded && !narrow ? 'medium' : undefined} still=${still} say=${say} pick=${pick} picked=${picked} label=${describe(scene, say)} />
        <${Detail} picked=${picked} scene=${scene} step=${step} say=${say} close=${() => pick(null)} />
      </section>
      <article class="words">
        <p class="where">${heading}${step.point ? html` <code>${step.point.stage}</code>` : ''}</p>
        <h1 tabindex="-1"><${Markdown} inline text=${step.title} /></h1>
        ${(step.outcomes ?? []).map(o => html`<${Outcome} outcome=${o} answer=${answered(o.question)} votes=${tallies[session.steps.findIndex(s => s.question && s.question.id === o.question.id)]} say=${say} />`)}
        <${Markdown} text=${step.prose} />
        ${step.more && html`<button class="link" aria-expanded=${more} onClick=${() => setMore(!more)}>${say('More')} ${more ? '▴' : '▾'}</button>`}
        ${more && html`<${Markdown} text=${step.more} />`}
        <${Claims} step=${step} say=${say} />
        ${step.question && html`<${Question} question=${step.question} answer=${answered(step.question)} open=${canAnswer} votes=${tallies[index]} onAnswer=${answer} say=${say} />`}
        <section class="evidence">
          ${panels.map(p => html`<${Panel} key=${p.kind} step=${step} panel=${p} whole=${whole} say=${say} />`)}
          <${Tries} step=${step} say=${say} />
          ${(step.panels ?? []).length > 0 && html`<button class="link" onClick=${keys.l}>${say(whole ? 'Fewer panels' : 'All panels')}</button>`}
        </section>
      </article>
      <${Terminal} lines=${scene.output} types=${session.types && index === last && !session.state.ended} onType=${(text, end) => send({ do: 'type', text, end })} say=${say} />
    </main>
    ${embedded && html`<p class="whole"><a href=${site.whole(step.n, language)} target="_blank" rel="noopener">${say('the whole lesson')} ↗</a></p>`}
    <${Timeline} session=${session} index=${index} last=${last} teacher=${transport.local ? -1 : teacher} goTo=${goTo} next=${next} back=${back} playing=${playing} play=${keys.a} leads=${leads} say=${say} language=${language} />
    <p class="unseen" aria-live="polite" role="status">${heading}: ${step.title}. ${describe(scene, say)}</p>
    ${open === 'help' && html`<${Help} say=${say} close=${() => setOpen('')} />`}
    ${open === 'join' && session.join && html`<${Join} join=${session.join} followers=${session.state.followers ?? 0} say=${say} close=${() => setOpen('')} />`}`;
}

function turnTheme(theme, set) {
  const dark = theme ? theme === 'dark' : media('(prefers-color-scheme: dark)');
  set(dark ? 'light' : 'dark');
  store('theme', dark ? 'light' : 'dark');
}

function turnLanguage(have, language, set) {
  const next = have[(have.indexOf(language) + 1) % have.length];
  set(next);
  store('language', next);
}

function present(presenter, set) {
  if (!presenter) open(`${location.pathname}?notes`, 'learndocker-notes', 'width=560,height=700');
  set(!presenter);
}

function Badge({ session, say }) {
  const h = session.header ?? {};
  const where = [h.machine?.kernel && `Linux ${h.machine.kernel}`, h.machine?.cgroup && `cgroup ${h.machine.cgroup}`, say(h.rootless ? 'an ordinary user' : 'root')].filter(Boolean).join(' · ');
  return html`<span class=${`badge ${session.replay ? 'replay' : 'live'}`} title=${where}>${session.replay ? `${say('recorded')} ${String(h.made).slice(0, 10)}` : say('live')}<span class="wide"> · ${where}</span></span>`;
}

function Timeline({ session, index, last, teacher, goTo, next, back, playing, play, leads, say, language }) {
  const of = Math.max(session.steps.length, (session.steps[last]?.of ?? 0) + (session.replay && transport.local ? 0 : 1));
  const cells = Array.from({ length: of }, (_, i) => session.steps[i]);
  const more = index < last || (leads && !session.state.ended);
  return html`<nav class="timeline" aria-label=${say('timeline')}>
    <button onClick=${back} disabled=${index <= 0} aria-keyshortcuts="b">◀<span class="wide"> ${say('Back')}</span></button>
    <ol>${cells.map((s, i) => html`<li key=${i}><button disabled=${!s} class=${`${i === index ? 'here' : ''} ${i === teacher ? 'teacher' : ''} ${s?.question ? 'asks' : ''} ${s && s.claims?.some(c => !c.holds) ? 'wrong' : ''}`}
      aria-current=${i === index ? 'step' : undefined} aria-label=${s ? `${s.n}. ${localize(s, language).title}` : `${i}`} title=${s ? `${s.n}. ${localize(s, language).title}` : ''} onClick=${() => goTo(i)}></button></li>`)}</ol>
    <button onClick=${play} aria-pressed=${playing} aria-label=${say(playing ? 'Pause' : 'Play')}>${playing ? '❚❚' : '▷'}</button>
    <button class="primary" onClick=${next} disabled=${!more} aria-keyshortcuts="n">${session.state.waiting ? '…' : say('Next')} ▶</button>
  </nav>`;
}

function Dialog({ title, children, close, say }) {
  const box = useRef(null);
  useEffect(() => { box.current?.focus(); }, []);
  return html`<div class="veil" onClick=${close}><section class="dialog" role="dialog" aria-modal="true" aria-label=${title} tabindex="-1" ref=${box} onClick=${e => e.stopPropagation()}>
    <button class="close" onClick=${close} aria-label=${say('close')}>×</button><h2>${title}</h2>${children}</section></div>`;
}

function Help({ say, close }) {
  const keys = [['n, space, →', 'next step'], ['b, ←', 'step before'], ['f', 'forward through the steps seen'], ['Home, End', 'first and last step'], ['1, 2, …', 'answer the question'], ['d', 'More'], ['l', 'all panels'], ['a', 'play and pause'], ['p', 'presenter: large type, notes in a second window'], ['t', 'light and dark'], ['g', 'Language'], ['j', 'Join'], ['Esc', 'close what is open'], ['?', 'this help']];
  return html`<${Dialog} title=${say('Keys')} close=${close} say=${say}><dl class="keys">${keys.map(([k, what]) => html`<dt><kbd>${k}</kbd></dt><dd>${say(what)}</dd>`)}</dl><p>${say('What you can choose in the picture tells more: a wall, a brick, the process.')}</p><//>`;
}

function Join({ join, followers, say, close }) {
  const n = join.qr?.length ?? 0;
  return html`<${Dialog} title=${say('Join this lesson')} close=${close} say=${say}>
    ${n > 0 && html`<svg class="qr" viewBox=${`-4 -4 ${n + 8} ${n + 8}`} role="img" aria-label=${join.address}><rect x="-4" y="-4" width=${n + 8} height=${n + 8} />
      <path d=${join.qr.flatMap((row, y) => [...row].map((bit, x) => (bit === '1' ? `M${x},${y}h1v1h-1z` : ''))).join('')} /></svg>`}
    <p class="address">${join.address}</p><p>${followers} ${say('students')}</p><//>`;
}

// Notes is the presenter's second window: what the class does not see.
function Notes({ step, session, index, say, language }) {
  const [now, set] = useState(Date.now());
  const [began] = useState(Date.now());
  useEffect(() => { const timer = setInterval(() => set(Date.now()), 1000); return () => clearInterval(timer); }, []);
  const passed = Math.floor((now - began) / 1000);
  const following = session.steps[index + 1] && localize(session.steps[index + 1], language);
  return html`<main class="notes">
    <p class="clock"><time>${new Date(now).toLocaleTimeString(language)}</time> · ${say('elapsed')} ${Math.floor(passed / 60)}:${String(passed % 60).padStart(2, '0')}</p>
    <p class="where">${say('Step')} ${step.n} ${say('of')} ${step.of}</p>
    <h1><${Markdown} inline text=${step.title} /></h1>
    <${Markdown} text=${step.prose} />${step.more && html`<${Markdown} text=${step.more} />`}
    <${Claims} step=${step} say=${say} /><${Tries} step=${step} say=${say} />
    ${step.question && html`<h3>? ${step.question.question}</h3><ul>${step.question.choices.map(c => html`<li>${c.text}: ${(session.state.votes?.[index] ?? {})[c.key] ?? 0}</li>`)}</ul>`}
    ${following && html`<p class="faint">${say('next up')}: ${following.title}</p>`}
  </main>`;
}

sessionStorage.removeItem('boot');
render(html`<${App} />`, document.getElementById('app'));
