// The scene is what the picture shows: every box and what is in it, folded from
// the steps up to the one that is looked at. It knows stages and facts, never
// lessons, so a new lesson moves by itself.

const empty = () => ({
  client: null, daemon: null, registry: null,
  images: new Map(), // name → {name, id}
  layers: new Map(), // directory → {dir, digest, diffID, size, files, total, n}
  blobs: new Map(), // digest → {digest, size, mediaType}
  containers: new Map(), // id → container
  requests: [], // of this step: what travels
});

export const short = digest => String(digest ?? '').replace(/^sha256:/, '').slice(0, 12);
export const base = path => String(path ?? '').split('/').pop();

export function size(n) {
  if (n == null) return '';
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (n < 1000 || unit === 'GB') return `${n < 10 && unit !== 'B' ? n.toFixed(1) : Math.round(n)} ${unit}`;
    n /= 1000;
  }
}

function container(scene, id) {
  if (!scene.containers.has(id)) {
    scene.containers.set(id, { id, name: '', image: '', state: 'created', own: [], shared: [], walls: [], born: scene.now });
  }
  return scene.containers.get(id);
}

// filesOf are a layer's entries with what each does to the layers below.
function filesOf(f) {
  const path = name => `/${name.replace(/^\.?\//, '').replace(/\/$/, '')}`;
  const entries = new Map((f.first ?? []).map(e => [path(e.name), e]));
  if (!f.changes) return f.first ?? [];
  return ['added', 'changed', 'deleted'].flatMap(change => (f.changes[change] ?? []).map(name => ({ type: '', ...(change === 'deleted' ? {} : entries.get(name)), name, change })));
}

// latest is the container that a fact without an id speaks of.
function latest(scene, pid) {
  const all = [...scene.containers.values()];
  return all.find(c => pid && c.pid === pid) ?? all.filter(c => c.state !== 'removed').pop() ?? null;
}

function layer(scene, dir) {
  if (!scene.layers.has(dir)) scene.layers.set(dir, { dir, n: scene.layers.size, born: scene.now });
  return scene.layers.get(dir);
}

const see = {
  'api.request'(scene, f) {
    scene.client = { ...scene.client, pid: f.peer?.pid };
    const path = f.path.replace(/^\/v[\d.]+/, '').replace(/[0-9a-f]{32,}/g, id => id.slice(0, 12));
    scene.travels = { label: `${f.method} ${path}`, kind: 'request', detail: { kind: 'request' } };
  },
  'api.response'(scene, f) {
    scene.travels = { label: `${f.status}`, kind: f.status < 400 ? 'good' : 'bad', detail: { kind: 'request' } };
  },
  'image.lookup'(scene, f) {
    scene.travels = { label: f.found ? `${f.familiar} ✓` : `${f.familiar}?`, kind: f.found ? 'good' : 'bad' };
    if (f.found && !scene.images.has(f.familiar)) scene.images.set(f.familiar, { name: f.familiar, id: f.id, born: scene.now });
  },
  'registry.resolve'(scene, f) {
    scene.registry = { host: f.registry, mirror: f.mirror, reference: f.reference, layers: f.layers };
    scene.travels = { label: short(f.manifest), kind: 'good' };
  },
  'registry.blob'(scene, f) {
    scene.blobs.set(f.digest, { digest: f.digest, size: f.size, mediaType: f.mediaType, born: scene.now });
    scene.travels = { label: `${short(f.digest)} · ${size(f.size)}`, kind: 'blob' };
  },
  'layer.unpack'(scene, f) {
    const one = layer(scene, f.dir);
    Object.assign(one, { digest: f.digest, diffID: f.diffID, files: filesOf(f), total: f.entries, size: f.bytes || scene.blobs.get(f.digest)?.size });
    scene.travels = { label: `${short(f.digest)} → ${short(base(f.dir))}`, kind: 'blob' };
  },
  'image.tag'(scene, f) {
    scene.images.set(f.familiar, { name: f.familiar, id: f.id, born: scene.now });
    scene.travels = { label: f.familiar, kind: 'good' };
  },
  'container.create'(scene, f) {
    Object.assign(container(scene, f.id), { name: f.name, image: f.image, dir: f.dir, args: f.args });
    scene.travels = { label: 'config.json', kind: 'blob' };
  },
  'overlay.mount'(scene, f) {
    for (const dir of f.lower) layer(scene, dir);
    Object.assign(container(scene, f.container), { overlay: f, overlayBorn: scene.now });
    scene.travels = { label: f.driver === 'overlay' ? 'mount()' : f.driver, kind: 'blob' };
  },
  'cgroup.create'(scene, f) {
    Object.assign(container(scene, f.container), { cgroup: f, cgroupBorn: scene.now });
    scene.travels = { label: f.refused ? '✗ mkdir' : 'mkdir', kind: f.refused ? 'bad' : 'blob' };
  },
  'namespace.create'(scene, f) {
    const c = container(scene, f.container);
    Object.assign(c, { pid: f.pid, state: 'held', pidBorn: scene.now });
    scene.travels = { label: 'clone()', kind: 'blob' };
  },
  'userns.map'(scene, f) { Object.assign(latest(scene, f.pid) ?? {}, { userMap: f }); },
  'network.attach'(scene, f) {
    Object.assign(latest(scene, f.pid) ?? {}, { network: f, networkBorn: scene.now });
    scene.travels = { label: f.veth || f.refused ? (f.veth ?? '✗ veth') : 'lo', kind: f.refused ? 'bad' : 'blob' };
  },
  'cgroup.join'(scene, f) {
    Object.assign(latest(scene, f.pid) ?? {}, { joined: true, joinedBorn: scene.now });
    scene.travels = { label: `${base(f.files?.[0])} ← 0`, kind: 'blob' };
  },
  'rootfs.mounts'(scene) { scene.travels = { label: 'mount()', kind: 'blob' }; },
  'rootfs.pivot'(scene, f) {
    Object.assign(latest(scene) ?? {}, { pivoted: f, pivotBorn: scene.now });
    scene.travels = { label: 'pivot_root()', kind: 'blob' };
  },
  'security.drop'(scene, f) {
    Object.assign(latest(scene) ?? {}, { dropped: f, droppedBorn: scene.now });
    scene.travels = { label: `${f.capabilities?.length ?? 0} caps`, kind: 'blob' };
  },
  'process.exec'(scene, f) {
    Object.assign(latest(scene) ?? {}, { program: f.argv?.join(' '), state: 'running', execBorn: scene.now });
    scene.travels = { label: `execve(${f.path})`, kind: 'good' };
  },
  'process.exit'(scene, f) {
    Object.assign(container(scene, f.container), { state: 'exited', exit: f.status, exitBorn: scene.now });
    scene.travels = { label: `exit ${f.status}`, kind: f.status === 0 ? 'good' : 'bad' };
  },
  'container.remove'(scene, f) {
    Object.assign(container(scene, f.container), { state: 'removed', name: f.name });
    scene.travels = { label: '✗', kind: 'bad' };
  },
};

const states = { starting: 'held' };

// meet takes in a container of the session as the narrator has seen it.
function meet(scene, seen) {
  const c = container(scene, seen.id);
  Object.assign(c, { name: seen.name, image: seen.image, dir: seen.dir, state: states[seen.state] ?? seen.state, written: seen.written, seenAt: seen.seenAt });
  if (seen.merged && !c.overlay) Object.assign(c, { overlay: { lower: seen.lower, upper: seen.upper, merged: seen.merged }, overlayBorn: scene.now });
  for (const dir of seen.lower ?? []) layer(scene, dir);
  if (seen.pid && seen.state !== 'created') Object.assign(c, { pid: seen.pid, process: { name: c.process?.name, ...c.process, nspid: seen.inside ? [seen.pid, seen.inside] : [seen.pid] } });
  if (seen.address && !c.network) Object.assign(c, { network: { address: seen.address }, networkBorn: scene.now });
  if (seen.groups?.length && !c.cgroup) Object.assign(c, { cgroup: { path: seen.groups[0], version: '' }, cgroupBorn: scene.now });
  if (seen.state === 'exited') c.exit = seen.status;
  if (seen.namespaces?.length) walls(scene, c, { namespaces: seen.namespaces });
}

// look takes in what the kernel itself has said at the step.
function look(scene, step) {
  const probe = step.probe ?? {};
  for (const seen of step.containers ?? []) meet(scene, seen);
  for (const p of probe.processes ?? []) {
    if (p.role === 'daemon') scene.daemon = p;
    if (p.role === 'client') scene.client = { ...scene.client, ...p };
    if (p.role === 'container') {
      const c = latest(scene, p.pid);
      if (c && (c.pid === p.pid || !c.pid)) c.process = p;
    }
  }
  if (!(probe.processes ?? []).some(p => p.role === 'client') && step.kind === 'stop') scene.client = scene.client && { ...scene.client, gone: true };
  const held = [...scene.containers.values()].find(c => c.pid && c.pid === probe.pid && c.state !== 'removed');
  if (held) walls(scene, held, probe, step.n);
  const [file] = probe.cgroup ?? [];
  const group = file && [...scene.containers.values()].find(c => file.path.includes(c.id));
  if (group) Object.assign(group, { files: probe.cgroup, filesAt: step.n });
}

// walls are the namespaces that the process does not share with the daemon.
function walls(scene, c, probe, n) {
  const before = new Set(c.own.map(n => n.inode));
  const order = ['user', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid', 'time'];
  const all = [...(probe.namespaces ?? [])].sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
  if (!all.length) return;
  const known = n => n.inode === n.host || n.inode === n.daemon;
  c.own = all.filter(n => !known(n)).map(n => ({ ...n, born: before.has(n.inode) ? c.own.find(o => o.inode === n.inode).born : scene.now }));
  c.shared = all.filter(n => n.inode === n.host);
  c.daemons = all.filter(n => known(n) && n.inode !== n.host); // an ordinary user's daemon has some of its own
  if (probe.status) Object.assign(c, { status: probe.status, statusAt: n });
}

// fold makes the scene at steps[index].
export function fold(steps, index) {
  const scene = empty();
  scene.output = [];
  for (let i = 0; i <= index; i++) {
    const step = steps[i];
    scene.now = i;
    scene.n = step.n;
    scene.travels = null;
    const starts = step.command && step.command !== scene.command;
    // What came before the first stop of a command is the last one's.
    const lines = step.output ?? [];
    if (!scene.command) scene.output.push(...(starts ? [{ stream: 'command', text: step.command }] : []), ...lines);
    else scene.output.push(...lines, ...(starts ? [{ stream: 'command', text: step.command }] : []));
    if (starts) {
      scene.command = step.command;
      scene.client = { name: step.command.split(' ')[0] };
    }
    // What the engine did between the steps has made what is there, too.
    for (const passed of step.passed ?? []) see[passed.stage]?.(scene, passed.fact ?? {});
    scene.travels = null;
    const stage = step.point?.stage;
    see[stage]?.(scene, step.point.fact ?? {}, step);
    if (step.kind === 'stop') look(scene, step);
    scene.edge = step.edge ?? {};
    if (step.kind !== 'stop') scene.edge = {};
  }
  for (const c of scene.containers.values()) if (c.state === 'removed') c.gone = true;
  return scene;
}

// gauges are a cgroup's files that tell a use and its limit, v1 and v2 alike: as
// read at this step, for what was so before may be so no more.
export function gauges(c, n) {
  if (c.filesAt !== n) return [];
  const value = (...names) => {
    const file = (c.files ?? []).find(f => names.includes(base(f.path)));
    return file ? file.value : undefined;
  };
  const limit = text => { const n = Number(text); return !Number.isFinite(n) || n <= 0 || n > 2 ** 60 ? null : n; };
  const list = [];
  const memory = Number(value('memory.usage_in_bytes', 'memory.current'));
  if (Number.isFinite(memory)) list.push({ name: 'memory', use: memory, limit: limit(value('memory.limit_in_bytes', 'memory.max')), text: size(memory) });
  const tasks = Number(value('pids.current'));
  if (Number.isFinite(tasks)) list.push({ name: 'pids', use: tasks, limit: limit(value('pids.max')), text: String(tasks) });
  return list;
}

// describe says in words what the picture shows, for those who do not see it.
export function describe(scene, say) {
  const parts = [];
  const { from, to } = scene.edge ?? {};
  if (from && to) parts.push(`${say(from)} → ${say(to)}${scene.travels ? `: ${scene.travels.label}` : ''}.`);
  parts.push(`${say('store')}: ${[...scene.images.keys()].join(', ') || say('empty')}; ${scene.layers.size} ${say('layers')}.`);
  for (const c of scene.containers.values()) {
    const facts = [c.gone ? say('removed') : say(c.state)];
    if (c.overlay) facts.push(`${c.overlay.lower.length} ${say('layers')} (${c.overlay.driver})`);
    if (c.own.length) facts.push(`${say('namespaces of its own')}: ${c.own.map(n => n.type).join(', ')}`);
    if (c.process) facts.push(`pid ${c.process.nspid?.join(' → ')}`);
    if (c.network?.address) facts.push(`eth0 ${c.network.address}`);
    parts.push(`${say('container')} ${c.name}: ${facts.join('; ')}.`);
  }
  return parts.join(' ');
}
