// The picture draws a scene as SVG. What it draws can be chosen, by mouse or
// keyboard; the choice goes to pick(detail).
import { html } from './vendor/preact.js';
import { gauges, short, base, size } from './scene.js';

// Places of the boxes, for a wide page, a column of one, and a narrow page.
const places = {
  wide: {
    box: [1000, 640], client: [16, 16, 210, 116], daemon: [330, 16, 210, 116], registry: [774, 16, 210, 116],
    store: [16, 186, 226, 438], kernel: [286, 186, 698, 438],
  },
  medium: {
    box: [780, 660], client: [12, 12, 206, 104], daemon: [287, 12, 206, 104], registry: [562, 12, 206, 104],
    store: [12, 166, 196, 482], kernel: [230, 166, 538, 482],
  },
  narrow: {
    box: [420, 900], client: [8, 8, 126, 96], daemon: [147, 8, 126, 96], registry: [286, 8, 126, 96],
    store: [8, 150, 404, 200], kernel: [8, 396, 404, 496],
  },
};

// tall is the narrow page with room for n containers, one above the other.
function tall(n) {
  const [x, y, w] = places.narrow.kernel;
  const high = 86 + n * 410;
  return { ...places.narrow, kernel: [x, y, w, high], box: [places.narrow.box[0], y + high + 8] };
}

const middle = ([x, y, w, h]) => [x + w / 2, y + h / 2];

// edgeOf is the point of a box that is nearest to another box, drawn inwards a little.
function edgeOf(from, to) {
  const [x, y] = middle(from);
  const [tx, ty] = middle(to);
  const [, , w, h] = from;
  const [dx, dy] = [tx - x, ty - y];
  const scale = Math.min(dx ? w / 2 / Math.abs(dx) : Infinity, dy ? h / 2 / Math.abs(dy) : Infinity);
  return [x + dx * scale, y + dy * scale];
}

const cut = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

// Pickable wraps what can be chosen.
function Pickable({ detail, label, pick, picked, children }) {
  const on = picked && picked.kind === detail.kind && picked.id === detail.id;
  const choose = event => { event.stopPropagation(); pick(detail); };
  return html`<g class=${`pick ${on ? 'picked' : ''}`} role="button" tabindex="0" data-name=${label}
    onClick=${choose} onKeyDown=${e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); choose(e); } }}><title>${label}</title>${children}</g>`;
}

// wrap breaks a line between words where it is too long for its box.
function wrap(text, n) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    if (lines[last] && lines[last].length + word.length >= n && lines.length < 3) lines.push(word);
    else lines[last] += (lines[last] ? ' ' : '') + word;
  }
  return lines.map(line => cut(line, n));
}

function Box({ at: [x, y, w, h], name, kind, busy, lines = [], say }) {
  return html`<g class=${`box ${kind} ${busy ? 'busy' : ''}`}>
    <rect x=${x} y=${y} width=${w} height=${h} rx="10" />
    <text class="name" x=${x + 12} y=${y + 24}>${say(name)}</text>
    ${lines.filter(Boolean).flatMap(line => wrap(line, Math.floor((w - 20) / 8.5))).slice(0, Math.floor((h - 28) / 19)).map((line, i) => html`<text class="line" x=${x + 12} y=${y + 46 + i * 19}>${line}</text>`)}
  </g>`;
}

// Way is the line between two boxes; what travels on it moves once.
function Way({ from, to, travels, now, still, label }) {
  const [x1, y1] = edgeOf(from, to);
  const [x2, y2] = edgeOf(to, from);
  const wide = Math.max(46, travels ? travels.label.length * 8.5 + 20 : 0);
  // Between two boxes beside each other there is little room: the label goes below.
  const beside = Math.abs(y1 - y2) < 5;
  const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2 + (beside ? from[3] / 2 + 24 : 0)];
  return html`<g class="way" aria-label=${label}>
    <line x1=${x1} y1=${y1} x2=${x2} y2=${y2} marker-end="url(#arrow)" />
    ${travels && html`<g key=${now} class=${`travels ${travels.kind}`}>
      <g transform=${`translate(${mx} ${my})`}>
        <rect x=${-wide / 2} y="-15" width=${wide} height="30" rx="15" />
        <text text-anchor="middle" y="5">${travels.label}</text>
        ${!still && html`<animateMotion dur="0.8s" path=${`M${x1 - mx},${y1 - my} L0,0`} calcMode="spline" keyTimes="0;1" keySplines=".2 .7 .3 1" begin="indefinite" ref=${node => node?.beginElement?.()} />`}
      </g>
    </g>`}
  </g>`;
}

const colours = 6; // of layers, in style.css

function Store({ scene, at: [x, y, w, h], busy, say, pick, picked }) {
  const layers = [...scene.layers.values()];
  const names = [...scene.images.values()];
  const columns = w > 300 ? 2 : 1;
  const wide = (w - 24 - (columns - 1) * 10) / columns;
  const top = y + 38 + Math.max(1, Math.min(names.length, 4)) * 20 + 8;
  const fits = Math.max(1, Math.floor((y + h - top - 8) / 50)) * columns;
  return html`<g class=${`box store ${busy ? 'busy' : ''}`}>
    <rect x=${x} y=${y} width=${w} height=${h} rx="10" />
    <text class="name" x=${x + 12} y=${y + 24}>${say('store')}</text>
    ${names.length === 0 && html`<text class="faint" x=${x + 12} y=${y + 46}>${say('no image')}</text>`}
    ${names.slice(0, 4).map((image, i) => html`<${Pickable} key=${image.name} detail=${{ kind: 'image', id: image.name }} label=${`${say('image')} ${image.name}`} pick=${pick} picked=${picked}>
      <text class=${`tag ${image.born === scene.now ? 'fresh' : ''}`} x=${x + 12} y=${y + 48 + i * 21}>${cut(`◆ ${image.name}`, Math.floor((w - 24) / 8.6))}</text>
    <//>`)}
    ${layers.slice(-fits).map((layer, i) => {
    const [bx, by] = [x + 12 + (i % columns) * (wide + 10), y + h - 52 - Math.floor(i / columns) * 50];
    return html`<${Pickable} key=${layer.dir} detail=${{ kind: 'layer', id: layer.dir }} label=${`${say('layer')} ${short(layer.digest ?? base(layer.dir))} ${size(layer.size)}`} pick=${pick} picked=${picked}>
        <g class=${`brick c${layer.n % colours} ${layer.born === scene.now ? 'fresh' : ''}`}>
          <rect x=${bx} y=${by} width=${wide} height="42" rx="4" />
          <text x=${bx + 9} y=${by + 18}>${short(layer.digest ?? base(layer.dir))}</text>
          <text class="small" x=${bx + 9} y=${by + 35}>${[size(layer.size), layer.total != null && `${layer.total} ${say(layer.total === 1 ? 'entry' : 'entries')}`].filter(Boolean).join(' · ')}</text>
        </g>
      <//>`;
  })}
  </g>`;
}

// Gauge fills with the use of a limit; without a limit it shows the use alone.
function Gauge({ at: [x, y, w], gauge, say }) {
  const part = gauge.limit ? Math.min(1, gauge.use / gauge.limit) : Math.min(1, gauge.use > 0 ? 0.12 : 0);
  const limit = gauge.limit ? (gauge.name === 'memory' ? size(gauge.limit) : gauge.limit) : '∞';
  return html`<g class=${`gauge ${part > 0.9 ? 'full' : ''}`}>
    <rect class="track" x=${x} y=${y} width=${w} height="10" rx="5" />
    <rect class="level" x=${x} y=${y} width=${Math.max(part * w, gauge.use > 0 ? 5 : 0)} height="10" rx="5" />
    <text class="small" x=${x} y=${y - 6}>${w > 100 ? `${say(gauge.name)} ` : ''}${gauge.text}${w > 100 && html`<tspan class="faint"> / ${limit}</tspan>`}</text>
  </g>`;
}

function Overlay({ c, at: [x, y, w, h], scene, say, pick, picked }) {
  const lower = c.overlay.lower;
  const slab = Math.max(8, Math.min(20, (h - 30) / (lower.length + 1)));
  const shown = lower.slice(0, Math.max(1, Math.floor((h - 30) / slab) - 1));
  const bottom = y + h - 6;
  return html`<${Pickable} detail=${{ kind: 'overlay', id: c.id }} label=${`${say('overlay')}: ${lower.length} ${say('layers')}`} pick=${pick} picked=${picked}>
    <g class=${`stack ${c.overlayBorn === scene.now ? 'fresh' : ''}`}>
      ${[...shown].reverse().map((dir, i) => html`<rect class=${`slab c${(scene.layers.get(dir)?.n ?? 0) % colours}`} x=${x} y=${bottom - (i + 1) * slab} width=${w} height=${slab - 2} rx="2" />`)}
      <rect class="slab upper" x=${x} y=${bottom - (shown.length + 1) * slab} width=${w} height=${slab - 2} rx="2" />
      <text class="small" x=${x} y=${bottom - (shown.length + 1) * slab - 5}>${c.overlay.driver === 'copy' ? say('copy') : '/'} ${c.written?.length ? html`<tspan class="faint">+${c.written.length}</tspan>` : ''}</text>
    </g>
  <//>`;
}

function Process({ c, at: [x, y], scene, say, pick, picked, room }) {
  const pids = c.process?.nspid ?? (c.pid ? [c.pid] : []);
  const running = c.state === 'running';
  const r = Math.max(22, Math.min(38, room / 3.4));
  return html`<${Pickable} detail=${{ kind: 'process', id: c.id }} label=${`${say('process')} ${pids.join(' → ')} ${say(c.state)}`} pick=${pick} picked=${picked}>
    <g class=${`process ${c.state} ${c.pidBorn === scene.now || c.execBorn === scene.now ? 'fresh' : ''}`}>
      ${c.dropped && html`<circle class="shield" cx=${x} cy=${y} r=${r + 6} />`}
      <circle cx=${x} cy=${y} r=${r} />
      <text class="inside" text-anchor="middle" x=${x} y=${y + 7}>${pids.length > 1 ? pids[pids.length - 1] : pids[0]}</text>
      <text class="small" text-anchor="middle" x=${x} y=${y + r + 24}>${pids.length > 1 ? `${say('host')}: ${pids[0]}` : ''}</text>
      <text class="small name" text-anchor="middle" x=${x} y=${y - r - 14}>${cut(c.state === 'exited' ? `exit ${c.exit}` : running ? base(c.program?.split(' ')[0]) : (c.process?.name ?? say('held')), Math.max(6, Math.floor(room / 7.5)))}</text>
    </g>
  <//>`;
}

// Walls draws a room for each namespace that the process has to itself, one in
// the other, and what stands in the innermost.
function Walls({ c, at: [x, y, w, h], scene, say, pick, picked, children }) {
  const side = w < 330 ? 6 : 9;
  const top = 17;
  return html`${c.own.map((n, i) => {
    const [rx, ry, rw, rh] = [x + i * side, y + i * top, w - 2 * i * side, h - i * (top + side)];
    return html`<${Pickable} key=${n.type} detail=${{ kind: 'namespace', id: `${c.id} ${n.type}` }} label=${`${say('namespace')} ${n.type} ${n.inode}`} pick=${pick} picked=${picked}>
      <g class=${`wall w-${n.type} ${n.born === scene.now ? 'fresh' : ''} ${c.state === 'exited' ? 'fallen' : ''}`}>
        <rect x=${rx} y=${ry} width=${rw} height=${rh} rx=${Math.max(3, 10 - i)} />
        <text x=${rx + 8} y=${ry + 13.5}>${n.type}</text>
      </g>
    <//>`;
  })}
  ${children([x + c.own.length * side, y + c.own.length * top, w - 2 * c.own.length * side, h - c.own.length * (top + side)])}`;
}

function Room({ c, at, scene, say, pick, picked }) {
  const [x, y, w, h] = at;
  const title = `${c.name || short(c.id)}`;
  return html`<g class=${`room ${c.state} ${c.born === scene.now ? 'fresh' : ''}`}>
    <rect class="plot" x=${x} y=${y} width=${w} height=${h} rx="8" />
    <text class="title" x=${x + 10} y=${y + 18}>${cut(title, Math.floor((w - 20) / 9))}<tspan class="faint"> ${short(c.id) === title ? '' : short(c.id)}</tspan></text>
    <${Walls} c=${c} at=${[x + 8, y + 28, w - 16, h - 58]} scene=${scene} say=${say} pick=${pick} picked=${picked}>
      ${inner => html`<${Furniture} c=${c} at=${inner} scene=${scene} say=${say} pick=${pick} picked=${picked} />`}
    <//>
    <${Foot} c=${c} at=${[x + 10, y + h - 11, w - 20]} say=${say} />
    ${c.network?.address && c.state !== 'exited' && html`<${Cable} c=${c} at=${[x + w - 40, y + h - 40]} to=${y + h + 12} fresh=${c.networkBorn === scene.now} />`}
  </g>`;
}

// Cable is the veth pair: one end in the room, one on the bridge below.
function Cable({ at: [x, y], to, fresh }) {
  return html`<g class=${fresh ? 'fresh' : ''}><path class="cable" d=${`M${x},${y} L${x},${to}`} /><rect class="plug" x=${x - 5} y=${y - 6} width="10" height="12" rx="2" /></g>`;
}

function Foot({ c, at: [x, y, w], say }) {
  const text = c.network?.address ? `eth0 ${c.network.address}${c.network.veth ? ` ↔ ${c.network.veth}` : ''}`
    : c.network && !c.network.address ? `${say('network')}: lo` : c.shared.length && c.own.length ? `${say('shared with the host')}: ${c.shared.map(n => n.type).join(' ')}${c.daemons?.length ? `, ${say("the daemon's")}: ${c.daemons.map(n => n.type).join(' ')}` : ''}` : c.pid ? '' : say('files only, no process');
  return html`<text class="small faint" x=${x} y=${y}>${cut(text, Math.floor(w / 7.2))}</text>`;
}

// Furniture is what stands in the innermost room: the root file system, the
// process, the control group.
function Furniture({ c, at: [x, y, w, h], scene, say, pick, picked }) {
  const bars = c.cgroup ? gauges(c, scene.n) : [];
  const third = w / 3;
  return html`
    ${c.overlay && html`<${Overlay} c=${c} at=${[x + 12, y + 6, third - 20, h - 12]} scene=${scene} say=${say} pick=${pick} picked=${picked} />`}
    ${c.pid && html`<${Process} c=${c} at=${[x + w / 2, y + h / 2]} room=${third} scene=${scene} say=${say} pick=${pick} picked=${picked} />`}
    ${c.cgroup && html`<${Pickable} detail=${{ kind: 'cgroup', id: c.id }} label=${`${say('control group')} ${c.cgroup.path}`} pick=${pick} picked=${picked}>
      <g class=${`cgroup ${c.cgroupBorn === scene.now ? 'fresh' : ''} ${c.cgroup.refused ? 'refused' : ''} ${c.joined ? 'joined' : ''}`}>
        <rect class="frame" x=${x + 2 * third + 4} y=${y + 8} width=${third - 14} height=${h - 18} rx="6" />
        <text class="small name" x=${x + 2 * third + 12} y=${y + 28}>cgroup ${c.cgroup.refused ? '✗' : third > 100 ? c.cgroup.version : ''}</text>
        ${h > 90 && bars.map((g, i) => html`<${Gauge} key=${g.name} at=${[x + 2 * third + 12, y + 62 + i * 42, third - 32]} gauge=${g} say=${say} />`)}
      </g>
    <//>`}`;
}

// Threads join each slab of a container's root with its brick in the store: what
// two containers share is one thing.
function Threads({ scene, shown, store, rooms }) {
  const [x, y, w] = store;
  return html`<g class="threads">${shown.flatMap((c, i) => (c.overlay && !c.gone ? [html`<path class=${c.overlayBorn === scene.now ? 'fresh' : ''}
    d=${`M${x + w},${y + store[3] - 30} C${x + w + 22},${y + store[3] - 30} ${rooms[i][0] - 22},${rooms[i][1] + rooms[i][3] - 40} ${rooms[i][0] + 6},${rooms[i][1] + rooms[i][3] - 40}`} />`] : []))}</g>`;
}

function roomsIn([x, y, w, h], n, narrow) {
  const gap = 10;
  const [left, top, wide, high] = [x + 12, y + 38, w - 24, h - 78];
  if (narrow && n > 1) {
    const each = (high - gap * (n - 1)) / n;
    return Array.from({ length: n }, (_, i) => [left, top + i * (each + gap), wide, each]);
  }
  const each = (wide - gap * (n - 1)) / n;
  return Array.from({ length: n }, (_, i) => [left + i * (each + gap), top, each, high]);
}

const most = { wide: 3, medium: 2, narrow: 2 }; // containers that have room

// Picture draws the scene for a wide or a narrow page, or in the size that is named.
export function Picture({ scene, narrow, size: wanted, still, say, pick, picked, label }) {
  const fit = wanted ?? (narrow ? 'narrow' : 'wide');
  const all = [...scene.containers.values()].filter(c => !c.gone);
  const shown = all.slice(-most[fit]);
  const p = fit === 'narrow' ? tall(Math.max(1, shown.length)) : places[fit];
  const rooms = roomsIn(p.kernel, Math.max(1, shown.length), fit !== 'wide');
  const at = { ...p, container: rooms[Math.max(0, shown.length - 1)] };
  const { from, to } = scene.edge ?? {};
  const busy = name => from === name || to === name;
  const host = scene.registry?.host;
  const bridge = shown.map(c => c.network).filter(n => n?.bridge).pop();
  const plugged = shown.some(c => c.network?.address && c.state !== 'exited');
  const inside = (from === 'kernel' && to === 'container') || (from === 'container' && to === 'kernel');
  return html`<svg class="picture" viewBox=${`0 0 ${p.box[0]} ${p.box[1]}`} role="group" aria-label=${label}>
    <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" /></marker></defs>
    <${Box} at=${p.client} name="client" kind="client" busy=${busy('client')} say=${say}
      lines=${scene.client ? [scene.command && `$ ${scene.command}`, scene.client.pid && !scene.client.gone ? `pid ${scene.client.pid}` : scene.client.gone ? say('ended') : ''] : []} />
    <${Pickable} detail=${{ kind: 'request', id: '' }} label=${say('the API socket')} pick=${pick} picked=${picked}>
      <g class="socket"><circle cx=${(p.client[0] + p.client[2] + p.daemon[0]) / 2} cy=${p.client[1] + p.client[3] - 20} r="8" />
      ${fit === 'wide' && html`<text class="small faint" text-anchor="middle" x=${(p.client[0] + p.client[2] + p.daemon[0]) / 2} y=${p.client[1] + p.client[3] + 4}>docker.sock</text>`}</g>
    <//>
    <${Box} at=${p.daemon} name="daemon" kind="daemon" busy=${busy('daemon')} say=${say} lines=${scene.daemon ? [`pid ${scene.daemon.pid}`, scene.daemon.name] : []} />
    <${Box} at=${p.registry} name="registry" kind="registry" busy=${busy('registry')} say=${say}
      lines=${host ? [host, scene.registry.mirror ? say('stands in for Docker Hub') : ''] : []} />
    <${Store} scene=${scene} at=${p.store} busy=${busy('store')} say=${say} pick=${pick} picked=${picked} />
    <g class=${`box kernel ${busy('kernel') || busy('container') ? 'busy' : ''}`}>
      <rect x=${p.kernel[0]} y=${p.kernel[1]} width=${p.kernel[2]} height=${p.kernel[3]} rx="10" />
      <text class="name" x=${p.kernel[0] + 12} y=${p.kernel[1] + 24}>${say('kernel')}</text>
    </g>
    ${!narrow && html`<${Threads} scene=${scene} shown=${shown} store=${p.store} rooms=${rooms} />`}
    ${plugged && html`<g class="bridge"><rect x=${p.kernel[0] + 12} y=${p.kernel[1] + p.kernel[3] - 32} width=${p.kernel[2] - 24} height="24" rx="5" />
      <text class="small" x=${p.kernel[0] + 22} y=${p.kernel[1] + p.kernel[3] - 15}>${bridge ? `${bridge.bridge} · ${bridge.gateway}` : say('bridge')}</text></g>`}
    ${shown.map((c, i) => html`<${Room} key=${c.id} c=${c} at=${rooms[i]} scene=${scene} say=${say} pick=${pick} picked=${picked} />`)}
    ${from && to && !inside && html`<${Way} from=${at[from]} to=${at[to]} travels=${scene.travels} now=${scene.now} still=${still} label=${`${say(from)} → ${say(to)}`} />`}
    ${inside && scene.travels && html`<g key=${scene.now} class=${`travels inner ${scene.travels.kind}`}>
      <rect x=${p.kernel[0] + p.kernel[2] - scene.travels.label.length * 8.5 - 34} y=${p.kernel[1] + 7} width=${scene.travels.label.length * 8.5 + 22} height="26" rx="13" />
      <text x=${p.kernel[0] + p.kernel[2] - scene.travels.label.length * 8.5 - 23} y=${p.kernel[1] + 25}>${scene.travels.label}</text></g>`}
  </svg>`;
}
